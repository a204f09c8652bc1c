import { getStoragePool, updateStoragePool } from '#client/storage.ts'

import { command, textFlag } from '../command.ts'
import { applyPairs, readPairs } from '../pairs.ts'

export const storageSet = command({
  name: 'storage set',
  usage: '[<remote>:]<pool> <key>=<value>...',
  doc: 'Set storage pool configuration keys',
  details: `A single key may also be set with:
    lxc storage set [<remote>:]<pool> <key> <value>`,
  flags: { target: textFlag('Cluster member name') },
  args: [2, Infinity],
  async run({ args, remotes, at }) {
    const { connection, name } = remotes.named(args[0]!, 'pool name')
    const pairs = readPairs(args.slice(1), at)

    const { pool, etag } = await getStoragePool(connection, name)
    await updateStoragePool(connection, name, { ...pool, config: applyPairs(pool.config, pairs) }, etag)
  },
})
