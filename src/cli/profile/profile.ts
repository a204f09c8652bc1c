import { group } from '../command.ts'

export const profile = group({ name: 'profile', doc: 'Manage profiles' })
