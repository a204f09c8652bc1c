import type { DeviceNumber } from '#host/device-nodes.ts'
import type { LxcItem } from '#lxc/runtime.ts'

/** What of the host decides how rules are written. */
export interface RuleFacts {
  /** The version of cgroups that serves each controller; none serves `devices` where the host lets us make no rules. */
  readonly cgroups: ReadonlyMap<string, 1 | 2>
}

/**
 * The devices that every container may use. Making any node is allowed, for packages carry them, and a container with
 * a user namespace can not anyway: null, zero, full, random, urandom, terminals, tty, console, ptmx, fuse, tun.
 */
const everyone: readonly string[] = [
  'b *:* m',
  'c *:* m',
  'c 136:* rwm',
  'c 1:3 rwm',
  'c 1:5 rwm',
  'c 1:7 rwm',
  'c 1:8 rwm',
  'c 1:9 rwm',
  'c 5:0 rwm',
  'c 5:1 rwm',
  'c 5:2 rwm',
  'c 10:229 rwm',
  'c 10:200 rwm',
]

/** A device as a line of devices.allow and devices.deny has it. */
export function deviceRule({ kind, major, minor }: DeviceNumber): string {
  return `${kind === 'block' ? 'b' : 'c'} ${major}:${minor} rwm`
}

/** Whether every container may use the device, whatever its configuration. */
export function isForEveryone(device: DeviceNumber): boolean {
  return everyone.includes(deviceRule(device)) || (device.kind === 'char' && device.major === 136)
}

/**
 * The rules of a container before those of its own devices. They are for a container with a user namespace as well:
 * a node that is in an image, or on a disk of the host, opens nothing. One where the host makes no rules has none,
 * unless it is privileged, and then fails to start.
 */
export function commonRules({ cgroups }: RuleFacts, privileged: boolean): LxcItem[] {
  if (!cgroups.has('devices') && !privileged) return []
  const prefix = prefixOf(cgroups)
  return [[`${prefix}.devices.deny`, 'a'], ...everyone.map((rule): LxcItem => [`${prefix}.devices.allow`, rule])]
}

/** The rule that lets a container use a device from its start. */
export function allowItem({ cgroups }: RuleFacts, device: DeviceNumber): LxcItem[] {
  return cgroups.has('devices') ? [[`${prefixOf(cgroups)}.devices.allow`, deviceRule(device)]] : []
}

function prefixOf(cgroups: ReadonlyMap<string, 1 | 2>): string {
  return cgroups.get('devices') === 1 ? 'lxc.cgroup' : 'lxc.cgroup2'
}
