import type { DeviceKind } from './device.ts'

/** No device at all: what hides the device of the same name that a profile has. */
export const none: DeviceKind = {
  kind: 'none',
  doc: 'No device. Hides a device of the same name that a profile brings.',
  keys: {},
  restriction: 'free',
  hotplug: true,
  check() {},
  start: async () => ({ lxc: [], volatile: {} }),
  stop: async () => {},
}
