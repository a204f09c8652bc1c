import { badRequest } from '#base/failure.ts'
import type { DeviceConfig, DeviceKind } from './device.ts'
import { disk } from './disk.ts'
import type { DiskParts } from './disk.ts'
import { nicBridged } from './nic-bridged.ts'
import type { BridgedParts } from './nic-bridged.ts'
import { none } from './none.ts'
import { proxy } from './proxy.ts'
import type { ProxyParts } from './proxy.ts'
import { unixBlock, unixChar } from './unix.ts'
import type { UnixParts } from './unix.ts'

/** Every kind of device. What a kind needs of the daemon's parts is handed to its factory here. */
export function deviceKinds(parts: BridgedParts & DiskParts & ProxyParts & UnixParts): readonly DeviceKind[] {
  return [disk(parts), nicBridged(parts), none, proxy(parts), unixBlock(parts), unixChar(parts)]
}

/** The key that tells the kinds of one type apart. */
const selectors: Readonly<Record<string, string>> = { nic: 'nictype', gpu: 'gputype', infiniband: 'nictype' }

/**
 * The kind of a device by its `type` and, for a NIC, its `nictype`; one with a `network` is bridged. Throws a
 * bad-request Failure where there is none.
 */
export function findKind(kinds: readonly DeviceKind[], config: DeviceConfig): DeviceKind {
  const type = config['type'] ?? ''
  if (type === '') throw badRequest('Missing device type in config')
  const selector = selectors[type]
  const subtype = selector && (config[selector] || (config['network'] ? 'bridged' : 'physical'))
  const kind = subtype ? `${type}/${subtype}` : type
  const found = kinds.find((one) => one.kind === kind)
  if (!found) throw badRequest(`Unsupported device type "${kind}"`)
  return found
}
