import { deleteIdentity } from '#client/auth.ts'

import { command } from '../command.ts'
import { identityAt } from './identity-path.ts'

export const authIdentityDelete = command({
  name: 'auth identity delete',
  aliases: ['rm'],
  usage: '[<remote>:]<authentication_method>/<id>',
  doc: 'Delete an identity',
  flags: {},
  args: [1, 1],
  async run({ args, globals, remotes, at }) {
    const { connection, identity } = identityAt(remotes, args[0]!)
    await deleteIdentity(connection, identity)
    if (!globals.quiet) at.print(`Identity ${identity.method}/${identity.id} deleted\n`)
  },
})
