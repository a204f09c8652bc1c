import { getCurrentIdentity } from '#client/auth.ts'

import { command } from '../command.ts'
import { arrange } from '../shape.ts'
import { writeYaml } from '../yaml.ts'
import { identityInfoShape } from './auth-shapes.ts'

export const authIdentityInfo = command({
  name: 'auth identity info',
  usage: '[<remote>:]',
  doc: 'View the current identity',
  flags: {},
  args: [0, 1],
  async run({ args, remotes, at }) {
    const { connection } = remotes.at(args[0] ?? '')
    at.print(writeYaml(arrange(identityInfoShape, await getCurrentIdentity(connection))))
  },
})
