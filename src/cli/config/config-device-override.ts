import { deviceOverride } from '../device/device-override.ts'
import { instanceDevices } from '../device/owner.ts'

export const configDeviceOverride = deviceOverride(instanceDevices)
