import { group } from '../command.ts'

export const network = group({ name: 'network', doc: 'Manage and attach instances to networks' })
