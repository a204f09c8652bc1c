import { group } from '../command.ts'

export const authGroupPermission = group({ name: 'auth group permission', doc: 'Manage permissions' })
