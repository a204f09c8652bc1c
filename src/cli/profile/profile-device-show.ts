import { deviceShow } from '../device/device-show.ts'
import { profileDevices } from '../device/owner.ts'

export const profileDeviceShow = deviceShow(profileDevices)
