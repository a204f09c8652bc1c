import { deleteProfile } from '#client/profiles.ts'

import { command } from '../command.ts'

export const profileDelete = command({
  name: 'profile delete',
  aliases: ['rm'],
  usage: '[<remote>:]<profile>',
  doc: 'Delete profiles',
  flags: {},
  args: [1, 1],
  async run({ args, globals, remotes, at }) {
    const { connection, name } = remotes.named(args[0]!, 'profile name')
    await deleteProfile(connection, name)
    if (!globals.quiet) at.print(`Profile ${name} deleted\n`)
  },
})
