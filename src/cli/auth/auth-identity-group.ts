import { group } from '../command.ts'

export const authIdentityGroup = group({ name: 'auth identity group', doc: 'Manage groups for the identity' })
