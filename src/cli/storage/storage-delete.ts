import { deleteStoragePool } from '#client/storage.ts'

import { command } from '../command.ts'

export const storageDelete = command({
  name: 'storage delete',
  aliases: ['rm'],
  usage: '[<remote>:]<pool>',
  doc: 'Delete storage pools',
  flags: {},
  args: [1, 1],
  async run({ args, globals, remotes, at }) {
    const { connection, name } = remotes.named(args[0]!, 'pool name')
    await deleteStoragePool(connection, name)
    if (!globals.quiet) at.print(`Storage pool ${name} deleted\n`)
  },
})
