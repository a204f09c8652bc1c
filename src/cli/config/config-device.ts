import { group } from '../command.ts'

export const configDevice = group({ name: 'config device', doc: 'Manage devices' })
