import { group } from '../command.ts'

export const audit = group({ name: 'audit', doc: 'Check the audit log' })
