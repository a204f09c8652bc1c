import { group } from '../command.ts'

export const auth = group({ name: 'auth', doc: 'Manage user authorization' })
