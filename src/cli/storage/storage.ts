import { group } from '../command.ts'

export const storage = group({ name: 'storage', doc: 'Manage storage pools and volumes' })
