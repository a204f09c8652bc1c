import { deviceRemove } from '../device/device-remove.ts'
import { profileDevices } from '../device/owner.ts'

export const profileDeviceRemove = deviceRemove(profileDevices)
