import { createIdentityProviderGroup } from '#client/auth.ts'

import { command, textsFlag } from '../command.ts'

export const authIdentityProviderGroupCreate = command({
  name: 'auth identity-provider-group create',
  usage: '[<remote>:]<identity_provider_group>',
  doc: 'Create identity provider groups',
  flags: { group: textsFlag('Groups to map the identity provider group to', { short: 'g' }) },
  args: [1, 1],
  async run({ args, flags, globals, remotes, at }) {
    const { connection, name } = remotes.named(args[0]!, 'identity provider group name')
    await createIdentityProviderGroup(connection, { name, groups: flags.group })
    if (!globals.quiet) at.print(`Identity provider group ${name} created\n`)
  },
})
