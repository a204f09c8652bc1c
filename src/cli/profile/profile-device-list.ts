import { deviceList } from '../device/device-list.ts'
import { profileDevices } from '../device/owner.ts'

export const profileDeviceList = deviceList(profileDevices)
