import { group } from '../command.ts'

export const config = group({ name: 'config', doc: 'Manage instance and server configuration options' })
