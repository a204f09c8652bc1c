import { deviceList } from '../device/device-list.ts'
import { instanceDevices } from '../device/owner.ts'

export const configDeviceList = deviceList(instanceDevices)
