import { group } from '../command.ts'

export const remote = group({ name: 'remote', doc: 'Manage the list of remote servers' })
