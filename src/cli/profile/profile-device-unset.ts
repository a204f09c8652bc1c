import { deviceUnset } from '../device/device-unset.ts'
import { profileDevices } from '../device/owner.ts'

export const profileDeviceUnset = deviceUnset(profileDevices)
