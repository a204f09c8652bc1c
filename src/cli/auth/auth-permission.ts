import { group } from '../command.ts'

export const authPermission = group({ name: 'auth permission', doc: 'Inspect permissions' })
