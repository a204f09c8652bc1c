import { getProfile, updateProfile } from '#client/profiles.ts'

import { command } from '../command.ts'
import { applyPairs } from '../pairs.ts'

export const profileUnset = command({
  name: 'profile unset',
  usage: '[<remote>:]<profile> <key>',
  doc: 'Unset profile configuration keys',
  flags: {},
  args: [2, 2],
  async run({ args, remotes }) {
    const { connection, name } = remotes.named(args[0]!, 'profile name')
    const { profile, etag } = await getProfile(connection, name)
    const config = applyPairs(profile.config, { [args[1]!]: '' })
    await updateProfile(connection, name, { ...profile, config }, etag)
  },
})
