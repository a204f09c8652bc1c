import { group } from '../command.ts'

export const authIdentity = group({ name: 'auth identity', doc: 'Manage identities' })
