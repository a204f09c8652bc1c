import { deviceGet } from '../device/device-get.ts'
import { profileDevices } from '../device/owner.ts'

export const profileDeviceGet = deviceGet(profileDevices)
