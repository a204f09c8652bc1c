import { deleteIdentityProviderGroup } from '#client/auth.ts'

import { command } from '../command.ts'

export const authIdentityProviderGroupDelete = command({
  name: 'auth identity-provider-group delete',
  aliases: ['rm'],
  usage: '[<remote>:]<identity_provider_group>',
  doc: 'Delete identity provider groups',
  flags: {},
  args: [1, 1],
  async run({ args, globals, remotes, at }) {
    const { connection, name } = remotes.named(args[0]!, 'identity provider group name')
    await deleteIdentityProviderGroup(connection, name)
    if (!globals.quiet) at.print(`Identity provider group ${name} deleted\n`)
  },
})
