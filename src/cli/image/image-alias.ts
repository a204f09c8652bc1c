import { group } from '../command.ts'

export const imageAlias = group({ name: 'image alias', doc: 'Manage image aliases' })
