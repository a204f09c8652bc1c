import { badRequest } from '#base/failure.ts'
import { checkConfig } from '#config/config.ts'
import { string } from '#config/key.ts'
import type { CheckContext, DeviceConfig, DeviceKind } from './device.ts'

/** Finds the kind of a device by its configuration; throws a bad-request Failure where there is none. */
export type FindKind = (config: DeviceConfig) => DeviceKind

/** The keys that chose the kind, which kinds need not declare. */
const type = string({ doc: 'The type of the device.', risk: 'safe' })
const nictype = string({ doc: 'The kind of NIC.', risk: 'safe' })

/**
 * Checks devices as a whole configuration has them: names, types, keys and values. Throws a bad-request Failure that
 * names the device.
 */
export function checkDevices(
  findKind: FindKind,
  devices: Readonly<Record<string, DeviceConfig>>,
  context: Omit<CheckContext, 'device'>,
): void {
  for (const [device, config] of Object.entries(devices)) {
    try {
      if (!/^[^/\s\p{Cc}]{1,64}$/u.test(device) || device === '.' || device === '..') {
        throw badRequest('Expected a name of 1 to 64 characters without slashes and spaces')
      }
      const kind = findKind(config)
      checkConfig('device', { type, ...(kind.kind.startsWith('nic/') ? { nictype } : {}), ...kind.keys }, config)
      kind.check(config, { ...context, device })
    } catch (cause) {
      throw badRequest(`Device validation failed for "${device}"`, { cause })
    }
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
