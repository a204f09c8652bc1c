import { group } from '../command.ts'

export const alias = group({ name: 'alias', doc: 'Manage command aliases' })
