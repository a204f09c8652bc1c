import { deviceShow } from '../device/device-show.ts'
import { instanceDevices } from '../device/owner.ts'

export const configDeviceShow = deviceShow(instanceDevices)
