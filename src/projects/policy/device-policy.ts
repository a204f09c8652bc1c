import { forbidden } from '#base/failure.ts'
import { findKey } from '#config/config.ts'
import { parseBool } from '#config/key.ts'
import type { Keys } from '#config/key.ts'
import { covers } from '../id-ranges.ts'
import type { Rules } from '../project-keys.ts'
import { findDirectory } from './disk-paths.ts'
import { nameOf } from './subject.ts'
import type { PolicyLanguage, Subject } from './subject.ts'

/** The rule that guards a kind of device, `restricted.devices.…`; `free` where none needs to. */
export type DeviceRestriction =
  'free' | 'disk' | 'gpu' | 'infiniband' | 'nic' | 'pci' | 'proxy' | 'unix-block' | 'unix-char' | 'unix-hotplug' | 'usb'

/** What rules need to know of a kind of device. */
export interface DeviceKindPolicy {
  readonly restriction: DeviceRestriction
  readonly keys: Keys
}

type Device = Readonly<Record<string, string>>
type Check = (rules: Rules, device: Device) => void

/** The keys that choose a device's kind. */
const selectors = ['type', 'nictype', 'gputype']

/** All users, or groups, that files of the host can belong to. */
const allIds = { first: 0, last: 2 ** 32 - 2 }

const checks: Readonly<Record<DeviceRestriction, Check>> = {
  free() {},
  disk: checkDisk,
  nic: checkNic,
  gpu: allowed('gpu', 'GPU'),
  infiniband: allowed('infiniband', 'Infiniband'),
  pci: allowed('pci', 'PCI'),
  proxy: allowed('proxy', 'Proxy'),
  'unix-block': allowed('unix-block', 'Unix block'),
  'unix-char': allowed('unix-char', 'Unix character'),
  'unix-hotplug': allowed('unix-hotplug', 'Unix hotplug'),
  usb: allowed('usb', 'USB'),
}

/** Throws a forbidden Failure for devices that the rules of a restricted project don't allow. */
export function checkDevicePolicy(rules: Rules, subject: Subject, { kindOf }: Pick<PolicyLanguage, 'kindOf'>): void {
  for (const [name, device] of Object.entries(subject.devices)) {
    const { restriction, keys } = kindOf(device)
    try {
      checks[restriction](rules, device)
      checkKeys(rules, restriction, { device, keys })
    } catch (cause) {
      throw forbidden(`Invalid device "${name}" on ${nameOf(subject)}`, { cause })
    }
  }
}

function allowed(type: Exclude<DeviceRestriction, 'free' | 'disk' | 'nic'>, what: string): Check {
  return (rules) => {
    if (rules[`restricted.devices.${type}`] !== 'allow') throw forbidden(`${what} devices are forbidden`)
  }
}

/** A key of a device that isn't known to be harmless needs a kind of device that is allowed altogether. */
function checkKeys(
  rules: Rules,
  restriction: DeviceRestriction,
  { device, keys }: { readonly device: Device; readonly keys: Keys },
): void {
  if (restriction === 'free' || rules[`restricted.devices.${restriction}`] === 'allow') return
  for (const [name, value] of Object.entries(device)) {
    if (value === '' || selectors.includes(name) || findKey(keys, name)?.risk === 'safe') continue
    throw forbidden(`Use of "${name}" is forbidden`)
  }
}

function checkDisk(rules: Rules, device: Device): void {
  const { path = '', pool = '', source = '' } = device
  const isRoot = path.startsWith('/') && path.split('/').every((name) => name === '' || name === '.')
  if (isRoot && pool !== '' && source === '') return
  const rule = rules['restricted.devices.disk']
  if (rule === 'block') throw forbidden('Disk devices are forbidden')
  if (pool !== '') return
  if (rule === 'managed') throw forbidden('Attaching disks not backed by a pool is forbidden')

  const paths = rules['restricted.devices.disk.paths'] ?? []
  if (paths.length === 0) return
  if (!findDirectory(paths, source)) throw forbidden(`Disk source path "${source}" not allowed`)
  // Root inside would be the host's root there, and could leave programs that make root of a user of the host.
  const { 'restricted.idmap.uid': uid = [], 'restricted.idmap.gid': gid = [] } = rules
  if (parseBool(device['shift'] || 'false') && !(covers(uid, allIds) && covers(gid, allIds))) {
    throw forbidden('Use of "shift" is forbidden where "restricted.devices.disk.paths" is set')
  }
}

function checkNic(rules: Rules, { network = '', parent = '' }: Device): void {
  const rule = rules['restricted.devices.nic']
  if (rule === 'block') throw forbidden('Network devices are forbidden')
  if (rule === 'managed' && network === '') throw forbidden('Only managed network devices are allowed')
  const access = rules['restricted.networks.access']
  const joined = [network, parent].filter((name) => name !== '')
  if (access && !joined.every((name) => access.includes(name))) throw forbidden('Network not allowed in project')
}
