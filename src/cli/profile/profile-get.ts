import { getProfile } from '#client/profiles.ts'

import { command } from '../command.ts'

export const profileGet = command({
  name: 'profile get',
  usage: '[<remote>:]<profile> <key>',
  doc: 'Get values for profile configuration keys',
  flags: {},
  args: [2, 2],
  async run({ args, remotes, at }) {
    const { connection, name } = remotes.named(args[0]!, 'profile name')
    const { profile } = await getProfile(connection, name)
    at.print(`${profile.config[args[1]!] ?? ''}\n`)
  },
})
