/** Requests as nobody would send them who meant well, the same ones for the same seed. */
import type { TSchema } from 'typebox'
import { routes } from '#api/all.ts'
import { serverKeys } from '#config/server-keys.ts'
import { instanceKeys } from '#instances/features/all.ts'
import { networkTypes } from '#networks/types/all.ts'
import { projectKeys } from '#projects/project-keys.ts'
import type { RawRequest } from '../api/impersonation.ts'
import { projects } from '../api/scene.ts'
import type { Scene } from '../api/scene.ts'

/** The keywords of JSON Schema that bodies are described with. */
interface Shape {
  readonly type?: string
  readonly properties?: Readonly<Record<string, Shape>>
  readonly patternProperties?: Readonly<Record<string, Shape>>
  readonly items?: Shape
}

const texts: readonly string[] = [
  ...['', ' ', '.', '..', '/', '-', '*', '%', '_', '0', '-1', '1', 'a', 'true', 'false', 'none', 'null', 'default'],
  ...[
    '../../etc/passwd',
    '/etc/passwd',
    '/',
    '-rf',
    '--help',
    '$(id)',
    '`id`',
    "'; DROP TABLE entries; --",
    '%00',
    '%2e',
  ],
  ...['a\nb', 'a\r\nX-Evil: 1', 'a\0b', '\u{feff}', '\ud800', 'ｆｕｌｌ', '‮evil', '🙂'.repeat(40), 'x'.repeat(300)],
  ...['__proto__', 'constructor', 'toString', 'hasOwnProperty', 'length', '[object Object]', 'NaN', 'Infinity'],
  ...[
    '1e309',
    '1e-7',
    '0x10',
    '010',
    '99999999999999999999',
    '-0',
    '1.5',
    '1,5',
    '0-',
    '0-99999999999',
    '4-1',
    '1-2-3',
  ],
  ...['10GiB', '1EiB', '-1MiB', '1KiBB', '50%', '-5%', '101%', '1/2', '1s', '1h30m', '-1s', '9999999h', '* * * * *'],
  ...[
    '10.0.0.1',
    '10.0.0.1/24',
    '10.0.0.0/33',
    '::1',
    '::/129',
    'fd42::1/64',
    '00:16:3e:00:00:01',
    'ff:ff:ff:ff:ff:ff',
  ],
  ...[
    'both 0 0',
    'uid 1000-2000 1000',
    'both 0-9999999999 0',
    'tcp:127.0.0.1:1',
    'unix:/tmp/x',
    'https://127.0.0.1:1/',
  ],
  ...[
    '2026-11-24T00:00:00Z',
    '0001-01-01T00:00:00Z',
    '9999-99-99T99:99:99Z',
    'name eq x',
    'not',
    'a eq "',
    '(((((((((',
  ],
]
const numbers = [0, -0, 1, -1, 1.5, 255, 65_536, 2 ** 31, 2 ** 32, -(2 ** 31), 2 ** 53, 2 ** 63, 1e308, -1e308]
const deviceTexts = {
  type: ['nic', 'disk', 'none', 'proxy', 'gpu', 'unix-char', ''],
  nictype: ['bridged', 'macvlan', 'p2p', 'routed', ''],
  network: ['br0', 'nowhere'],
  parent: ['br0', 'lo', 'eth0'],
  pool: ['local', 'nowhere'],
  path: ['/', '/mnt', '/../etc', 'relative'],
  source: ['/', '/etc', '/proc/self/fd/0', 'volume'],
} as const
const deviceKeys = [
  ...['hwaddr', 'name', 'host_name', 'mtu', 'ipv4.address', 'ipv6.address', 'ipv4.routes', 'vlan', 'boot.priority'],
  ...['security.mac_filtering', 'size', 'limits.max', 'limits.ingress', 'readonly', 'shift', 'propagation', 'optional'],
]
const fields = ['name', 'project', 'config.user.a', 'expanded_config.image.os', 'status', 'public', 'x.y.z']
const contentTypes = [
  ...[
    'application/json',
    'application/octet-stream',
    'multipart/form-data',
    'multipart/form-data; boundary=x',
    'text/x',
  ],
]
const pathNames = ['name', 'fingerprint', 'id', 'uuid', 'pool', 'volume', 'type', 'filename', 'method'] as const

/** Configuration that must not be tried: it opens ports, or talks to others. */
const untried = /address|^oidc\.|^images\.|acme|loki|proxy/

const root = { type: 'disk', path: '/', pool: 'local' }

const goodBodies: Readonly<Record<string, { readonly name: string; readonly [field: string]: unknown }>> = {
  '/1.0/instances': { name: 'new', source: { type: 'none' }, devices: { root } },
  '/1.0/instances/{name}': { name: 'new', devices: { root }, profiles: ['default'] },
  '/1.0/instances/{name}/exec': { name: '', command: ['echo', 'x'] },
  '/1.0/instances/{name}/state': { name: '', action: 'stop', force: true },
  '/1.0/profiles': { name: 'new' },
  '/1.0/projects': { name: 'new' },
  '/1.0/networks': { name: 'br', config: { 'ipv4.address': 'none', 'ipv6.address': 'none' } },
  '/1.0/storage-pools': { name: 'pool', driver: 'fake' },
  '/1.0/auth/groups': { name: 'group' },
  '/1.0/auth/identity-provider-groups': { name: 'group', groups: ['staff'] },
}

const keysOf: Readonly<Record<string, readonly string[]>> = {
  '/1.0': Object.keys(serverKeys).filter((key) => !untried.test(key)),
  '/1.0/projects': Object.keys(projectKeys),
  '/1.0/networks': networkTypes.flatMap(({ keys }) => Object.keys(keys)),
  '/1.0/instances': Object.keys(instanceKeys),
  '/1.0/containers': Object.keys(instanceKeys),
  '/1.0/profiles': Object.keys(instanceKeys),
}

/** A pair of method and path as the table of access has it, and a request of it. */
export interface FuzzRequest extends RawRequest {
  readonly pair: string
}

/** Makes requests from a seed, about what is there as a rule. */
export class RequestMaker {
  #state: number
  readonly #scene: Scene
  readonly #names: readonly string[]
  readonly #targets

  constructor(seed: number, scene: Scene) {
    this.#state = seed
    this.#scene = scene
    const things = [projects.shown, projects.hidden, projects.default].flatMap((name) => Object.values(scene.of(name)))
    this.#names = [...Object.values(projects), 'br0', 'local', 'container', 'staff', 'uid:4321', 'unix', ...things]
    const verbs = ['get', 'put', 'patch', 'post', 'delete', 'upgrade'] as const
    this.#targets = routes.flatMap((route) =>
      verbs.flatMap((verb) => {
        const method = route[verb]
        if (!method) return []
        return [{ verb: verb.toUpperCase(), path: route.path, body: 'body' in method ? method.body : undefined }]
      }),
    )
  }

  next(): FuzzRequest {
    const { verb, path, body } = this.#one(this.#targets)
    const project = this.#chance(0.5) ? projects.shown : this.#one(Object.values(projects))
    const named = this.#chance(0.8) ? this.#scene.path(path, project) : path
    const filled = named.replaceAll(/\{(\w+)\}/g, () => this.#pathName())
    const url = `${filled}${this.#query(path, project)}`
    const pair = `${verb} ${path}`
    if (verb === 'GET' || verb === 'UPGRADE') return { pair, method: verb, url, headers: this.#headers() }
    return { pair, method: verb, url, headers: this.#headers(), body: this.#body(body, path) }
  }

  /** The next number from 0 up to 1 (mulberry32). */
  #random(): number {
    this.#state = (this.#state + 0x6d2b79f5) | 0
    let t = Math.imul(this.#state ^ (this.#state >>> 15), 1 | this.#state)
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t
    return ((t ^ (t >>> 14)) >>> 0) / 2 ** 32
  }

  #chance(probability: number): boolean {
    return this.#random() < probability
  }

  #one<T>(items: readonly T[]): T {
    return items[Math.floor(this.#random() * items.length)] as T
  }

  #text(): string {
    if (this.#chance(0.4)) return this.#one(this.#names)
    return this.#chance(0.1) ? this.#one(texts) + this.#one(texts) : this.#one(texts)
  }

  #pathName(): string {
    if (this.#chance(0.8)) return encodeURIComponent(this.#one(this.#names))
    if (this.#chance(0.1)) return this.#one(['%', '%zz', '%ff', '%c0%af', '..', '.', ';', '%2f%2e%2e'])
    return encodeURIComponent(this.#text().toWellFormed()) || this.#one(pathNames)
  }

  #query(path: string, project: string): string {
    const query = new URLSearchParams()
    if (this.#chance(0.9)) query.set('project', this.#chance(0.9) ? project : this.#text())
    if (this.#chance(0.3)) query.set('recursion', this.#one(['0', '1', '2', '3', '-1', 'x', '1e3']))
    if (this.#chance(0.2)) query.set('all-projects', this.#one(['true', '1', 'false', 'x']))
    if (this.#chance(0.2))
      query.set('filter', `${this.#one(fields)} ${this.#one(['eq', 'ne', 'x', ''])} ${this.#text()}`)
    if (this.#chance(0.2)) query.set('secret', this.#text())
    if (this.#chance(0.2)) query.set('type', this.#one(['lifecycle', 'operation,logging', 'x', '', 'container']))
    if (this.#chance(0.1)) query.set(this.#text(), this.#text())
    // Else it waits, or shuts the daemon down.
    if (path.endsWith('/wait')) query.set('timeout', this.#one(['0', 'x', '-2', '1e9', '']))
    if (path.startsWith('/internal/')) query.set('timeout', this.#one(['-1', 'x', 'NaN', '-Infinity']))
    return query.size === 0 ? '' : `?${query.toString()}`
  }

  #headers(): Record<string, string> {
    const headers: Record<string, string> = {}
    const header = (name: string) => (headers[name] = this.#text().replaceAll(/[^\t\x20-\x7e]/g, ''))
    headers['content-type'] = this.#chance(0.8) ? 'application/json' : this.#one(contentTypes)
    if (this.#chance(0.1)) header('if-match')
    if (this.#chance(0.1)) headers['x-lxd-public'] = this.#one(['1', 'true', 'x', ''])
    for (const name of ['x-lxd-fingerprint', 'x-lxd-filename', 'x-lxd-properties', 'x-lxd-profiles']) {
      if (this.#chance(0.05)) header(name)
    }
    return headers
  }

  #body(schema: TSchema | undefined, path: string): string {
    if (this.#chance(0.05)) return this.#one(['', '{', '[]', 'null', '0', '"', '{"a":', '\0', 'x'.repeat(100_000)])
    if (this.#chance(0.02)) return `{"config":${'['.repeat(20_000)}`
    if (this.#chance(0.02)) return `{"__proto__":{"name":"x"},"constructor":1,"name":${JSON.stringify(this.#text())}}`
    const value = schema && this.#chance(0.9) ? this.#shaped(schema as Shape, path, '') : this.#anything(4)
    return JSON.stringify(this.#chance(0.6) ? this.#nearly(path, value) : value) ?? ''
  }

  /** A body that would do, with one field of `value` in it. */
  #nearly(path: string, value: unknown): unknown {
    const good = goodBodies[path.replace('/containers', '/instances')]
    if (!good) return value
    const [field, content] = this.#one(Object.entries(value ?? {})) ?? []
    const name = `${String(good.name)}${Math.floor(this.#random() * 1000)}`
    return field === undefined ? { ...good, name } : { ...good, name, [field]: content }
  }

  /** Something of the shape, as a rule. */
  #shaped(shape: Shape, path: string, field: string): unknown {
    if (this.#chance(0.04)) return this.#anything(2)
    switch (shape.type ?? 'any') {
      case 'object': {
        if (shape.patternProperties) return this.#map(Object.values(shape.patternProperties)[0] ?? {}, path, field)
        const given = Object.entries(shape.properties ?? {}).filter(() => this.#chance(0.6))
        return Object.fromEntries(given.map(([name, one]) => [name, this.#shaped(one, path, name)]))
      }
      case 'array':
        return Array.from({ length: Math.floor(this.#random() * 4) }, () =>
          this.#shaped(shape.items ?? {}, path, field),
        )
      case 'string':
        return field === 'action' ? this.#one(['start', 'stop', 'freeze', 'unfreeze', 'restart', 'x']) : this.#text()
      case 'boolean':
        return this.#chance(0.5)
      case 'integer':
      case 'number':
        return this.#chance(0.6) ? this.#one([0, 1, 2, -1]) : this.#one(numbers)
      default:
        return this.#anything(3)
    }
  }

  #map(values: Shape, path: string, field: string): unknown {
    if (field === 'devices') {
      const devices = this.#times(2, () => [this.#chance(0.7) ? 'd' : this.#text(), this.#device()] as const)
      return { root, ...Object.fromEntries(devices) }
    }
    const known = keysOf[path.split('/').slice(0, 3).join('/')] ?? []
    const key = () => (known.length > 0 && this.#chance(0.8) ? this.#one(known) : this.#text())
    return Object.fromEntries(this.#times(this.#chance(0.7) ? 1 : 5, () => [key(), this.#shaped(values, path, '')]))
  }

  #device(): Record<string, string> {
    const device: Record<string, string> = {}
    for (const [key, known] of Object.entries(deviceTexts)) if (this.#chance(0.6)) device[key] = this.#one(known)
    for (const key of this.#times(2, () => this.#one(deviceKeys))) device[key] = this.#text()
    return device
  }

  #times<T>(most: number, make: () => T): T[] {
    return Array.from({ length: Math.floor(this.#random() * (most + 1)) }, make)
  }

  #anything(depth: number): unknown {
    const kind = Math.floor(this.#random() * (depth > 0 ? 7 : 5))
    if (kind === 0) return null
    if (kind === 1) return this.#chance(0.5)
    if (kind === 2) return this.#one(numbers)
    if (kind < 5) return this.#text()
    if (kind === 5) return this.#times(3, () => this.#anything(depth - 1))
    return Object.fromEntries(this.#times(3, () => [this.#text(), this.#anything(depth - 1)]))
  }
}
