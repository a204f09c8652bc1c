import { group } from '../command.ts'

export const operation = group({ name: 'operation', doc: 'List, show and delete background operations' })
