import { badRequest } from '#base/failure.ts'
import { checkConfig } from '#config/config.ts'
import { string } from '#config/key.ts'
import type { DeviceConfig, DeviceKind, DeviceOwner } from './device.ts'

/** Finds the kind of a device by its configuration; throws a bad-request Failure where there is none. */
export type FindKind = (device: string, config: DeviceConfig) => DeviceKind

const type = string({ doc: 'The type of the device.', risk: 'safe' })

/** Throws a bad-request Failure for what can not name a device. */
function checkDeviceName(name: string): void {
  if (!/^[^\s/\p{Cc}]{1,64}$/u.test(name) || name === '.' || name === '..') {
    throw badRequest(`Invalid device name "${name}": expected 1 to 64 characters without spaces and slashes`)
  }
}

/**
 * Checks the devices of an instance, profiles expanded, or those of a profile alone. Throws a bad-request Failure
 * that names the device and the key.
 */
export function checkDevices(
  findKind: FindKind,
  devices: Readonly<Record<string, DeviceConfig>>,
  owner: DeviceOwner,
  inProfile: boolean,
): void {
  for (const [device, config] of Object.entries(devices)) {
    checkDeviceName(device)
    const kind = findKind(device, config)
    checkConfig(`device "${device}"`, { ...kind.keys, type }, config)
    kind.check(config, { owner, device, inProfile })
  }
}

/** The device a container's root file system comes from: the disk whose path is `/`. */
export function findRootDisk(
  devices: Readonly<Record<string, DeviceConfig>>,
): { readonly name: string; readonly config: DeviceConfig; readonly pool: string } | undefined {
  const roots = Object.entries(devices).filter(([, config]) => config['type'] === 'disk' && config['path'] === '/')
  if (roots.length > 1)
    throw badRequest(`Invalid devices: ${roots.map(([name]) => `"${name}"`).join(' and ')} are both root disks`)
  const [name, config] = roots[0] ?? []
  if (name === undefined || config === undefined) return undefined
  const pool = config['pool']
  if (!pool)
    throw badRequest(`Invalid device "${name}" configuration: "pool": a root disk needs the name of a storage pool`)
  return { name, config, pool }
}
