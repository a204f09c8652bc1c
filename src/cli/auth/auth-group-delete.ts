import { deleteAuthGroup } from '#client/auth.ts'

import { command } from '../command.ts'

export const authGroupDelete = command({
  name: 'auth group delete',
  aliases: ['rm'],
  usage: '[<remote>:]<group>',
  doc: 'Delete groups',
  flags: {},
  args: [1, 1],
  async run({ args, globals, remotes, at }) {
    const { connection, name } = remotes.named(args[0]!, 'group name')
    await deleteAuthGroup(connection, name)
    if (!globals.quiet) at.print(`Group ${name} deleted\n`)
  },
})
