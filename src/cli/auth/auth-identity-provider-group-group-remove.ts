import { notFound } from '#base/failure.ts'
import { getIdentityProviderGroup, updateIdentityProviderGroup } from '#client/auth.ts'

import { command } from '../command.ts'

export const authIdentityProviderGroupGroupRemove = command({
  name: 'auth identity-provider-group group remove',
  aliases: ['rm'],
  usage: '[<remote>:]<identity_provider_group> <group>',
  doc: 'Remove a group from an identity provider group',
  flags: {},
  args: [2, 2],
  async run({ args, remotes }) {
    const { connection, name } = remotes.named(args[0]!, 'identity provider group name')
    const group = args[1]!
    const { value, etag } = await getIdentityProviderGroup(connection, name)
    const has = value.groups ?? []
    if (!has.includes(group)) throw notFound(`Group "${group}" is not mapped`)
    await updateIdentityProviderGroup(connection, { name, groups: has.filter((one) => one !== group) }, etag)
  },
})
