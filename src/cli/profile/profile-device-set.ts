import { deviceSet } from '../device/device-set.ts'
import { profileDevices } from '../device/owner.ts'

export const profileDeviceSet = deviceSet(profileDevices)
