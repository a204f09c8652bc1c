import { getProfile } from '#client/profiles.ts'

import { command } from '../command.ts'
import { arrange } from '../shape.ts'
import { writeYaml } from '../yaml.ts'
import { profileShape } from './profile-shapes.ts'

export const profileShow = command({
  name: 'profile show',
  usage: '[<remote>:]<profile>',
  doc: 'Show profile configurations',
  flags: {},
  args: [1, 1],
  async run({ args, remotes, at }) {
    const { connection, name } = remotes.named(args[0]!, 'profile name')
    const { profile } = await getProfile(connection, name)
    at.print(writeYaml(arrange(profileShape, profile)))
  },
})
