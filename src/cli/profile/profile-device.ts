import { group } from '../command.ts'

export const profileDevice = group({ name: 'profile device', doc: 'Manage devices' })
