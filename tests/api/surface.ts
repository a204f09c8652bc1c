/**
 * What LXD's API is, in facts: its methods, what they answer with, the fields of its objects. Types are written `s`
 * (string), `i` (integer), `n` (number), `b` (boolean), `t` (time), `any`, `X[]`, `map of X`, or as an object's name.
 */
import { existsSync, readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import type { Route } from '#api/route.ts'

export interface Surface {
  /** By `GET /1.0/instances`, some with a query: a type, or `empty`, `operation`, `raw`. */
  readonly methods: Readonly<Record<string, string>>
  /** The fields of each object, or the type a name stands for. */
  readonly objects: Readonly<Record<string, string | Readonly<Record<string, string>>>>
}

const here = (path: string) => fileURLToPath(new URL(path, import.meta.url))

export const surface = JSON.parse(readFileSync(here('surface.json'), 'utf8')) as Surface

/** LXD's own specification, where this machine has it: in LXD_API_SPEC, or beside the repository. */
export function findSpecification(): string | undefined {
  const places = [process.env['LXD_API_SPEC'], here('../../../shared/reference/lxd-5.0-rest-api.yaml')]
  return places.find((place) => place !== undefined && existsSync(place))
}

/** The path without the names of its parameters, by which ours and LXD's are compared. */
export function anonymous(path: string): string {
  return path.replaceAll(/\{\w+\}/g, '{}')
}

/** All pairs of method and path, such as `GET /1.0/instances/{}`. */
export const pairs: ReadonlySet<string> = new Set(
  Object.keys(surface.methods).map((method) => anonymous(method.split('?')[0] ?? '')),
)

/** The pairs of method and path among LXD's that these routes serve. */
export function servedPairs(routes: readonly Route[]): ReadonlySet<string> {
  const verbs = ['get', 'head', 'put', 'patch', 'post', 'delete'] as const
  const ours = routes.flatMap((route) =>
    verbs.filter((verb) => route[verb]).map((verb) => `${verb.toUpperCase()} ${anonymous(route.path)}`),
  )
  return new Set(ours.filter((pair) => pairs.has(pair)))
}

/** What cards on a bus have only where it is known. */
const card = ['driver', 'driver_version', 'pci_address', 'product', 'product_id', 'usb_address', 'vendor', 'vendor_id']

/**
 * Fields that are there only sometimes: empty ones that LXD leaves out, and what exists on the way in only. Any other
 * must be in every reply.
 */
const optional: Readonly<Record<string, readonly string[]>> = {
  Image: ['update_source'],
  Instance: ['restore'],
  InstanceFull: ['restore'],
  InstanceSnapshot: ['expanded_config', 'expanded_devices'],
  StorageVolume: ['restore'],
  ResourcesCPUSocket: ['name', 'vendor', 'cache', 'frequency', 'frequency_minimum', 'frequency_turbo'],
  ResourcesCPUCore: ['frequency'],
  ResourcesMemory: ['nodes'],
  ResourcesGPUCard: [...card, 'drm', 'mdev', 'nvidia', 'sriov'],
  ResourcesGPUCardDRM: ['control_device', 'control_name', 'render_device', 'render_name'],
  ResourcesGPUCardMdev: ['name', 'description'],
  ResourcesNetworkCard: [...card, 'firmware_version', 'ports', 'sriov'],
  ResourcesNetworkCardPort: [
    'address',
    'infiniband',
    'link_duplex',
    'link_speed',
    'port_type',
    'supported_modes',
    'supported_ports',
    'transceiver_type',
  ],
  ResourcesStorageDisk: [
    'device_path',
    'firmware_version',
    'model',
    'pci_address',
    'serial',
    'type',
    'usb_address',
    'wwn',
  ],
  ResourcesPCIVPD: ['entries', 'product_name'],
}

/** What of `value` is not as the type says, one complaint a line. */
export function complaints(type: string, value: unknown, at = 'metadata'): string[] {
  if (type === 'any') return []
  if (type.startsWith('map of ')) return inMap(type.slice('map of '.length), value, at)
  if (type.endsWith('[]')) return inList(type.slice(0, -2), value, at)
  const object = surface.objects[type]
  if (typeof object === 'string') return complaints(object, value, at)
  if (object) return inObject(type, object, value, at)
  return fits(type, value) ? [] : [`${at} must be ${names[type] ?? type}, is ${show(value)}`]
}

const names: Readonly<Record<string, string>> = {
  s: 'a string',
  i: 'an integer',
  n: 'a number',
  b: 'a boolean',
  t: 'a time',
}

function fits(type: string, value: unknown): boolean {
  if (type === 's') return typeof value === 'string'
  if (type === 'i') return Number.isSafeInteger(value)
  if (type === 'n') return typeof value === 'number'
  if (type === 'b') return typeof value === 'boolean'
  return type === 't' && typeof value === 'string' && /^\d{4}-\d\d-\d\dT[\d:.]+(Z|[+-]\d\d:\d\d)$/.test(value)
}

// Go writes null for a map, a list or a pointer that was never set, and its clients read it as empty.

function inMap(type: string, value: unknown, at: string): string[] {
  if (value === null) return []
  if (typeof value !== 'object' || Array.isArray(value)) return [`${at} must be a map, is ${show(value)}`]
  return Object.entries(value ?? {}).flatMap(([key, one]) => complaints(type, one, `${at}.${key}`))
}

function inList(type: string, value: unknown, at: string): string[] {
  if (value === null) return []
  if (!Array.isArray(value)) return [`${at} must be a list, is ${show(value)}`]
  return value.flatMap((one, index) => complaints(type, one, `${at}[${index}]`))
}

function inObject(type: string, fields: Readonly<Record<string, string>>, value: unknown, at: string): string[] {
  if (value === null) return []
  if (typeof value !== 'object' || Array.isArray(value)) return [`${at} must be a ${type}, is ${show(value)}`]
  const given = Object.entries(value ?? {})
  const missing = Object.keys(fields)
    .filter((field) => !given.some(([name]) => name === field) && !optional[type]?.includes(field))
    .map((field) => `${at} (${type}) lacks "${field}"`)
  const wrong = given.flatMap(([name, one]) => {
    const field = fields[name]
    if (field !== undefined) return complaints(field, one, `${at}.${name}`)
    return [`${at} (${type}) has the unknown field "${name}"`]
  })
  return [...missing, ...wrong]
}

function show(value: unknown): string {
  return (JSON.stringify(value) ?? 'undefined').slice(0, 100)
}
