import { deviceGet } from '../device/device-get.ts'
import { instanceDevices } from '../device/owner.ts'

export const configDeviceGet = deviceGet(instanceDevices)
