import { deviceAdd } from '../device/device-add.ts'
import { instanceDevices } from '../device/owner.ts'

export const configDeviceAdd = deviceAdd(instanceDevices)
