import { getProfile, updateProfile } from '#client/profiles.ts'

import { command } from '../command.ts'
import { applyPairs, readPairs } from '../pairs.ts'

export const profileSet = command({
  name: 'profile set',
  usage: '[<remote>:]<profile> <key>=<value>...',
  doc: 'Set profile configuration keys',
  details: `A single key may also be set with:
    lxc profile set [<remote>:]<profile> <key> <value>`,
  flags: {},
  args: [2, Infinity],
  async run({ args, remotes, at }) {
    const { connection, name } = remotes.named(args[0]!, 'profile name')
    const pairs = readPairs(args.slice(1), at)

    const { profile, etag } = await getProfile(connection, name)
    await updateProfile(connection, name, { ...profile, config: applyPairs(profile.config, pairs) }, etag)
  },
})
