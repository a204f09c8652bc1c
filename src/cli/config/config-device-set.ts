import { deviceSet } from '../device/device-set.ts'
import { instanceDevices } from '../device/owner.ts'

export const configDeviceSet = deviceSet(instanceDevices)
