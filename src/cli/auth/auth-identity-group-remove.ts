import { notFound } from '#base/failure.ts'
import { getIdentity, updateIdentity } from '#client/auth.ts'

import { command } from '../command.ts'
import { identityAt } from './identity-path.ts'

export const authIdentityGroupRemove = command({
  name: 'auth identity group remove',
  aliases: ['rm'],
  usage: '[<remote>:]<authentication_method>/<id> <group>',
  doc: 'Remove a group from an identity',
  flags: {},
  args: [2, 2],
  async run({ args, remotes }) {
    const { connection, identity } = identityAt(remotes, args[0]!)
    const group = args[1]!
    const { value, etag } = await getIdentity(connection, identity)
    const has = value.groups ?? []
    if (!has.includes(group)) throw notFound(`The identity is not in group "${group}"`)
    await updateIdentity(
      connection,
      identity,
      has.filter((one) => one !== group),
      etag,
    )
  },
})
