import { badRequest } from '#base/failure.ts'
import { checkConfig } from '#config/config.ts'
import type { CheckContext, DeviceConfig, DeviceKind } from './device.ts'
import { none } from './none.ts'

/** Every kind of device. */
export const deviceKinds: readonly DeviceKind[] = [none]

/** What tells the kinds of one type apart. */
const selectors: Readonly<Record<string, string>> = { nic: 'nictype', gpu: 'gputype', infiniband: 'nictype' }

/** The kind of a device by its `type` and, for a NIC, its `nictype`; one with a `network` is bridged. */
export function findKind(config: DeviceConfig): DeviceKind {
  const type = config['type'] ?? ''
  if (type === '') throw badRequest('Missing device type in config')
  const selector = selectors[type]
  const subtype = selector && (config[selector] || (config['network'] ? 'bridged' : 'physical'))
  const kind = subtype ? `${type}/${subtype}` : type
  const found = deviceKinds.find((one) => one.kind === kind)
  if (!found) throw badRequest(`Unsupported device type "${kind}"`)
  return found
}

/** Checks devices as a whole configuration has them: names, types, keys and values. Throws a bad-request Failure. */
export function checkDevices(
  devices: Readonly<Record<string, DeviceConfig>>,
  context: Omit<CheckContext, 'device'>,
): void {
  for (const [device, config] of Object.entries(devices)) {
    try {
      if (!/^[^/\s\p{Cc}]{1,64}$/u.test(device) || device === '.' || device === '..') {
        throw badRequest('Expected a name of 1 to 64 characters without slashes and spaces')
      }
      const kind = findKind(config)
      const selecting = ['type', selectors[config['type'] ?? '']]
      const keys = Object.entries(config).filter(([key]) => !selecting.includes(key))
      checkConfig('device', kind.keys, Object.fromEntries(keys))
      kind.check(config, { ...context, device })
    } catch (cause) {
      throw badRequest(`Device validation failed for "${device}"`, { cause })
    }
  }
}
