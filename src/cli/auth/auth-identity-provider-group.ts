import { group } from '../command.ts'

export const authIdentityProviderGroup = group({ name: 'auth identity-provider-group', doc: 'Manage groups' })
