import { renameIdentityProviderGroup } from '#client/auth.ts'

import { command } from '../command.ts'

export const authIdentityProviderGroupRename = command({
  name: 'auth identity-provider-group rename',
  aliases: ['mv'],
  usage: '[<remote>:]<identity_provider_group> <new-name>',
  doc: 'Rename identity provider groups',
  flags: {},
  args: [2, 2],
  async run({ args, globals, remotes, at }) {
    const { connection, name } = remotes.named(args[0]!, 'identity provider group name')
    await renameIdentityProviderGroup(connection, name, args[1]!)
    if (!globals.quiet) at.print(`Identity provider group ${name} renamed to ${args[1]!}\n`)
  },
})
