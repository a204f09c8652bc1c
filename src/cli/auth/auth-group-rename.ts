import { renameAuthGroup } from '#client/auth.ts'

import { command } from '../command.ts'

export const authGroupRename = command({
  name: 'auth group rename',
  aliases: ['mv'],
  usage: '[<remote>:]<group> <new-name>',
  doc: 'Rename groups',
  flags: {},
  args: [2, 2],
  async run({ args, globals, remotes, at }) {
    const { connection, name } = remotes.named(args[0]!, 'group name')
    await renameAuthGroup(connection, name, args[1]!)
    if (!globals.quiet) at.print(`Group ${name} renamed to ${args[1]!}\n`)
  },
})
