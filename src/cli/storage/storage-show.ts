import { getStoragePool, getStoragePoolResources } from '#client/storage.ts'

import { command, switchFlag, textFlag } from '../command.ts'
import { arrange } from '../shape.ts'
import { writeYaml } from '../yaml.ts'
import { poolResources, poolShape } from './storage-shapes.ts'

export const storageShow = command({
  name: 'storage show',
  usage: '[<remote>:]<pool>',
  doc: 'Show storage pool configurations and resources',
  flags: {
    resources: switchFlag('Show the resources available to the storage pool'),
    target: textFlag('Cluster member name'),
  },
  args: [1, 1],
  async run({ args, flags, remotes, at }) {
    const { connection, name } = remotes.named(args[0]!, 'pool name')
    if (flags.resources) {
      at.print(writeYaml(arrange(poolResources, await getStoragePoolResources(connection, name))))
      return
    }
    const { pool } = await getStoragePool(connection, name)
    const used_by = [...(pool.used_by ?? [])].sort()
    at.print(writeYaml(arrange(poolShape, { ...pool, used_by })))
  },
})
