import { group } from '../command.ts'

export const warning = group({ name: 'warning', doc: 'Manage warnings' })
