import { deleteNetwork } from '#client/networks.ts'

import { command } from '../command.ts'

export const networkDelete = command({
  name: 'network delete',
  aliases: ['rm'],
  usage: '[<remote>:]<network>',
  doc: 'Delete networks',
  flags: {},
  args: [1, 1],
  async run({ args, globals, remotes, at }) {
    const { connection, name } = remotes.named(args[0]!, 'network name')
    await deleteNetwork(connection, name)
    if (!globals.quiet) at.print(`Network ${name} deleted\n`)
  },
})
