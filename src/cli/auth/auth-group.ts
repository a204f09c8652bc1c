import { group } from '../command.ts'

export const authGroup = group({ name: 'auth group', doc: 'Manage groups' })
