import { readConfig } from '#config/config.ts'
import type { Config } from '#config/config.ts'
import { devlxd } from '#instances/features/devlxd.ts'
import type { Expanded } from '#instances/commit.ts'

/** An answer to a guest. Errors are plain text, as LXD has them. */
export interface GuestAnswer {
  readonly status: number
  readonly type: 'application/json' | 'application/octet-stream' | 'text/plain; charset=utf-8'
  readonly body: string
}

/** The keys a guest may read. */
const readable = ['user.', 'cloud-init.']

const notFound = failure(404, 'not found')
const notAuthorized = failure(403, 'not authorized')

/** Whether a guest may read a key. */
export function isReadable(key: string): boolean {
  return readable.some((prefix) => key.startsWith(prefix))
}

/**
 * Answers a guest that asks about its own instance (https://documentation.ubuntu.com/lxd/stable-5.0/dev-lxd/). `path`
 * is without its query. Undefined for what is not answered with a text: images and events.
 */
export function answerGuest(method: string, path: string, guest: Expanded): GuestAnswer | undefined {
  const [, version = '', noun = '', ...rest] = path.split('/')
  if (path === '/') return onGet(method, () => json(['/1.0']))
  if (version !== '1.0') return failure(404, '404 page not found')
  const more = rest.length > 0
  switch (noun) {
    case '':
      return onGet(method, () => json({ state: '', api_version: '1.0', instance_type: 'container', location: 'none' }))
    case 'config':
      return onGet(method, () => (more ? configKey(guest.config, rest.join('/')) : json(configUrls(guest.config))))
    case 'devices':
      return more ? notFound : onGet(method, () => json(devicesOf(guest)))
    case 'meta-data':
      return more ? notFound : onGet(method, () => text(metaData(guest)))
    case 'events':
    case 'images':
      return undefined
    default:
      return failure(404, '404 page not found')
  }
}

/** Whether a guest may fetch images. */
export function mayFetchImages({ config }: Expanded): boolean {
  return readConfig(devlxd.keys, config)['security.devlxd.images'] === true
}

export { notAuthorized, notFound }

function onGet(method: string, answer: () => GuestAnswer): GuestAnswer {
  return method === 'GET' ? answer() : failure(405, `Method "${method}" not allowed`)
}

/** With the addresses of its NICs, by which a guest finds them. */
function devicesOf({ record, devices }: Expanded): Record<string, object> {
  return Object.fromEntries(
    Object.entries(devices).map(([name, device]) => {
      const hwaddr = device['hwaddr'] ?? record.config[`volatile.${name}.hwaddr`]
      return [name, device['type'] === 'nic' && hwaddr !== undefined ? { ...device, hwaddr } : device]
    }),
  )
}

function configUrls(config: Config): readonly string[] {
  return Object.keys(config)
    .filter(isReadable)
    .toSorted()
    .map((key) => `/1.0/config/${key}`)
}

function configKey(config: Config, encoded: string): GuestAnswer {
  let key
  try {
    key = decodeURIComponent(encoded)
  } catch {
    return failure(400, 'bad request')
  }
  if (!isReadable(key)) return notAuthorized
  const value = config[key]
  return value === undefined ? notFound : text(value)
}

function metaData({ record, config }: Expanded): string {
  const id = record.config['volatile.cloud-init.instance-id'] ?? record.config['volatile.uuid'] ?? ''
  return `#cloud-config\ninstance-id: ${id}\nlocal-hostname: ${record.name}\n${config['user.meta-data'] ?? ''}`
}

function json(value: unknown): GuestAnswer {
  return { status: 200, type: 'application/json', body: `${JSON.stringify(value)}\n` }
}

function text(body: string): GuestAnswer {
  return { status: 200, type: 'application/octet-stream', body }
}

function failure(status: number, message: string): GuestAnswer {
  return { status, type: 'text/plain; charset=utf-8', body: `${message}\n` }
}
