import { group } from '../command.ts'

export const authIdentityProviderGroupGroup = group({
  name: 'auth identity-provider-group group',
  doc: 'Manage identity provider group mappings',
})
