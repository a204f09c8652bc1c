import { renameProfile } from '#client/profiles.ts'

import { command } from '../command.ts'

export const profileRename = command({
  name: 'profile rename',
  aliases: ['mv'],
  usage: '[<remote>:]<profile> <new-name>',
  doc: 'Rename profiles',
  flags: {},
  args: [2, 2],
  async run({ args, globals, remotes, at }) {
    const { connection, name } = remotes.named(args[0]!, 'profile name')
    await renameProfile(connection, name, args[1]!)
    if (!globals.quiet) at.print(`Profile ${name} renamed to ${args[1]!}\n`)
  },
})
