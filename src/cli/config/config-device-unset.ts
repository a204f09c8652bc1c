import { deviceUnset } from '../device/device-unset.ts'
import { instanceDevices } from '../device/owner.ts'

export const configDeviceUnset = deviceUnset(instanceDevices)
