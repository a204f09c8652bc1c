import { conflict } from '#base/failure.ts'
import { getIdentityProviderGroup, updateIdentityProviderGroup } from '#client/auth.ts'

import { command } from '../command.ts'

export const authIdentityProviderGroupGroupAdd = command({
  name: 'auth identity-provider-group group add',
  usage: '[<remote>:]<identity_provider_group> <group>',
  doc: 'Add a group to an identity provider group',
  flags: {},
  args: [2, 2],
  async run({ args, remotes }) {
    const { connection, name } = remotes.named(args[0]!, 'identity provider group name')
    const group = args[1]!
    const { value, etag } = await getIdentityProviderGroup(connection, name)
    const has = value.groups ?? []
    if (has.includes(group)) throw conflict(`Group "${group}" is mapped already`)
    await updateIdentityProviderGroup(connection, { name, groups: [...has, group] }, etag)
  },
})
