import { deviceRemove } from '../device/device-remove.ts'
import { instanceDevices } from '../device/owner.ts'

export const configDeviceRemove = deviceRemove(instanceDevices)
