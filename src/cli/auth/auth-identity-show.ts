import { getIdentity } from '#client/auth.ts'

import { command } from '../command.ts'
import { arrange } from '../shape.ts'
import { writeYaml } from '../yaml.ts'
import { identityShape } from './auth-shapes.ts'
import { identityAt } from './identity-path.ts'

export const authIdentityShow = command({
  name: 'auth identity show',
  usage: '[<remote>:]<authentication_method>/<id>',
  doc: 'View an identity',
  flags: {},
  args: [1, 1],
  async run({ args, remotes, at }) {
    const { connection, identity } = identityAt(remotes, args[0]!)
    at.print(writeYaml(arrange(identityShape, (await getIdentity(connection, identity)).value)))
  },
})
