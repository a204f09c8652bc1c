import { group } from '../command.ts'

export const configTrust = group({ name: 'config trust', doc: 'Manage trusted clients' })
