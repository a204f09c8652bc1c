import { createIdentity } from '#client/auth.ts'

import { command, textFlag, textsFlag } from '../command.ts'
import { identityAt } from './identity-path.ts'

export const authIdentityCreate = command({
  name: 'auth identity create',
  usage: '[<remote>:]<authentication_method>/<id>',
  doc: 'Create an identity',
  details: `Local users and groups, and users of the identity provider, may be given groups before they were ever seen.
Certificates are added with "lxc config trust add".`,
  examples: [
    { command: 'lxc auth identity create unix/user:ann --group operators' },
    { command: 'lxc auth identity create unix/group:staff --group viewers' },
    { command: 'lxc auth identity create oidc/ann@example.com --name Ann --group operators' },
  ],
  flags: {
    group: textsFlag('Groups to add to the identity', { short: 'g' }),
    name: textFlag('Name of the identity, for people to read'),
  },
  args: [1, 1],
  async run({ args, flags, globals, remotes, at }) {
    const { connection, identity } = identityAt(remotes, args[0]!)
    await createIdentity(connection, identity, { name: flags.name, groups: flags.group })
    if (!globals.quiet) at.print(`Identity ${identity.method}/${identity.id} created\n`)
  },
})
