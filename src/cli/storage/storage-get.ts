import { getStoragePool } from '#client/storage.ts'

import { command, textFlag } from '../command.ts'

export const storageGet = command({
  name: 'storage get',
  usage: '[<remote>:]<pool> <key>',
  doc: 'Get values for storage pool configuration keys',
  flags: { target: textFlag('Cluster member name') },
  args: [2, 2],
  async run({ args, remotes, at }) {
    const { connection, name } = remotes.named(args[0]!, 'pool name')
    const { pool } = await getStoragePool(connection, name)
    at.print(`${pool.config[args[1]!] ?? ''}\n`)
  },
})
