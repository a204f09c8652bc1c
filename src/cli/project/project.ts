import { group } from '../command.ts'

export const project = group({ name: 'project', doc: 'Manage projects' })
