import { createProfile } from '#client/profiles.ts'

import { command } from '../command.ts'

export const profileCreate = command({
  name: 'profile create',
  usage: '[<remote>:]<profile>',
  doc: 'Create profiles',
  flags: {},
  args: [1, 1],
  async run({ args, globals, remotes, at }) {
    const { connection, name } = remotes.named(args[0]!, 'profile name')
    await createProfile(connection, { name })
    if (!globals.quiet) at.print(`Profile ${name} created\n`)
  },
})
