import { renameNetwork } from '#client/networks.ts'

import { command } from '../command.ts'

export const networkRename = command({
  name: 'network rename',
  aliases: ['mv'],
  usage: '[<remote>:]<network> <new-name>',
  doc: 'Rename networks',
  flags: {},
  args: [2, 2],
  async run({ args, globals, remotes, at }) {
    const { connection, name } = remotes.named(args[0]!, 'network name')
    await renameNetwork(connection, name, args[1]!)
    if (!globals.quiet) at.print(`Network ${name} renamed to ${args[1]!}\n`)
  },
})
