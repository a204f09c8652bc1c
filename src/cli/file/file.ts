import { group } from '../command.ts'

export const file = group({ name: 'file', doc: 'Manage files in instances' })
