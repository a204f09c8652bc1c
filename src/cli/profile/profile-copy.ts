import { createProfile, getProfile } from '#client/profiles.ts'

import { command, textFlag } from '../command.ts'

export const profileCopy = command({
  name: 'profile copy',
  aliases: ['cp'],
  usage: '[<remote>:]<profile> [<remote>:]<profile>',
  doc: 'Copy profiles',
  flags: { 'target-project': textFlag('Copy to a project different from the source') },
  args: [2, 2],
  async run({ args, flags, remotes }) {
    const from = remotes.named(args[0]!, 'source profile name')
    const to = remotes.parse(args[1]!)
    const target = remotes.connect(to.remote)

    const { profile } = await getProfile(from.connection, from.name)
    await createProfile(flags['target-project'] === '' ? target : target.inProject(flags['target-project']), {
      config: profile.config,
      description: profile.description,
      devices: profile.devices,
      name: to.name || from.name,
    })
  },
})
