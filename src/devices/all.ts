import { badRequest } from '#base/failure.ts'
import type { DeviceConfig, DeviceKind } from './device.ts'
import { none } from './none.ts'

/** Every kind of device. */
export const deviceKinds: readonly DeviceKind[] = [none]

/** What tells the kinds of one type apart. */
const selectors: Readonly<Record<string, string>> = { nic: 'nictype', gpu: 'gputype', infiniband: 'nictype' }

/** The kind of a device by its `type` and, for a NIC, its `nictype`; one with a `network` is bridged. */
export function findKind(device: string, config: DeviceConfig): DeviceKind {
  const type = config['type'] ?? ''
  if (type === '') throw badRequest(`Invalid device "${device}" configuration: Missing device type in config`)
  const selector = selectors[type]
  const subtype = selector && (config[selector] || (config['network'] ? 'bridged' : 'physical'))
  const kind = subtype ? `${type}/${subtype}` : type
  const found = deviceKinds.find((one) => one.kind === kind)
  if (!found) throw badRequest(`Invalid device "${device}" configuration: Unsupported device type "${kind}"`)
  return found
}
