import { getStoragePool, updateStoragePool } from '#client/storage.ts'

import { command, textFlag } from '../command.ts'
import { applyPairs } from '../pairs.ts'

export const storageUnset = command({
  name: 'storage unset',
  usage: '[<remote>:]<pool> <key>',
  doc: 'Unset storage pool configuration keys',
  flags: { target: textFlag('Cluster member name') },
  args: [2, 2],
  async run({ args, remotes }) {
    const { connection, name } = remotes.named(args[0]!, 'pool name')
    const { pool, etag } = await getStoragePool(connection, name)
    await updateStoragePool(connection, name, { ...pool, config: applyPairs(pool.config, { [args[1]!]: '' }) }, etag)
  },
})
