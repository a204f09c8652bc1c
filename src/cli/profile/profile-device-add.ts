import { deviceAdd } from '../device/device-add.ts'
import { profileDevices } from '../device/owner.ts'

export const profileDeviceAdd = deviceAdd(profileDevices)
