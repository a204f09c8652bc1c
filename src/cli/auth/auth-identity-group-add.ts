import { conflict } from '#base/failure.ts'
import { getIdentity, updateIdentity } from '#client/auth.ts'

import { command } from '../command.ts'
import { identityAt } from './identity-path.ts'

export const authIdentityGroupAdd = command({
  name: 'auth identity group add',
  usage: '[<remote>:]<authentication_method>/<id> <group>',
  doc: 'Add a group to an identity',
  flags: {},
  args: [2, 2],
  async run({ args, remotes }) {
    const { connection, identity } = identityAt(remotes, args[0]!)
    const group = args[1]!
    const { value, etag } = await getIdentity(connection, identity)
    const has = value.groups ?? []
    if (has.includes(group)) throw conflict(`The identity is in group "${group}" already`)
    await updateIdentity(connection, identity, [...has, group], etag)
  },
})
