import { Failure } from '#base/failure.ts'
import { Undo } from '#base/undo.ts'
import { path, type Connection } from '#client/connection.ts'
import type { Config, Preseed, PreseedEntity, PreseedProfile } from './preseed.ts'

/** What the API tells of an entity, as far as a preseed can change it. */
interface Current {
  readonly config: Config | null
  readonly description: string
  readonly devices?: Readonly<Record<string, Config>> | null
}

/** A kind of entity: how messages call it, where the API has it, and which field tells its type. */
interface Kind {
  readonly what: string
  readonly path: string
  readonly type?: 'driver' | 'type'
}

const kinds = {
  pool: { what: 'storage pool', path: '/1.0/storage-pools', type: 'driver' },
  network: { what: 'network', path: '/1.0/networks', type: 'type' },
  project: { what: 'project', path: '/1.0/projects' },
  profile: { what: 'profile', path: '/1.0/profiles' },
} as const satisfies Record<string, Kind>

/**
 * Makes a server be as `preseed` says: what is missing is created, what is there is changed. If a step fails, those
 * before it are taken back; `report` is told of what could not be.
 */
export async function applyPreseed(
  daemon: Connection,
  preseed: Preseed,
  report: (what: string, error: unknown) => void,
): Promise<void> {
  await using undo = new Undo(report)
  await applyConfig(daemon, preseed.config, undo)
  for (const pool of preseed.pools) await apply(daemon, kinds.pool, pool, undo)
  for (const network of preseed.networks) {
    await apply(daemon.inProject(network.project ?? 'default'), kinds.network, network, undo)
  }
  for (const project of preseed.projects) await apply(daemon, kinds.project, project, undo)
  for (const profile of preseed.profiles) await apply(daemon, kinds.profile, profile, undo)
  undo.keep()
}

async function applyConfig(daemon: Connection, config: Config, undo: Undo): Promise<void> {
  if (Object.keys(config).length === 0) return
  const { metadata, etag } = await daemon.request<{ config: Config }>('GET', '/1.0')
  const change = { config: { ...metadata.config, ...config } }
  await step('Failed to update server configuration', daemon.request('PUT', '/1.0', change, { etag }))
  undo.add('the server configuration', () => daemon.request('PUT', '/1.0', { config: metadata.config }))
}

async function apply(daemon: Connection, kind: Kind, wanted: PreseedEntity, undo: Undo): Promise<void> {
  const at = `${kind.path}/${path`${wanted.name}`}`
  const found = await find(daemon, at)
  if (found === undefined) {
    const { type, ...rest } = wanted
    const body = { ...rest, project: undefined, ...(kind.type && type !== undefined ? { [kind.type]: type } : {}) }
    await step(`Failed to create ${kind.what} "${wanted.name}"`, daemon.request('POST', kind.path, body))
    undo.add(`${kind.what} "${wanted.name}"`, () => daemon.request('DELETE', at))
    return
  }

  const { current, etag } = found
  const type = kind.type && (found.current as unknown as Record<string, unknown>)[kind.type]
  if (wanted.type !== undefined && type !== wanted.type) {
    throw new Failure(
      'conflict',
      `${capital(kind.what)} "${wanted.name}" is of type "${String(type)}" instead of "${wanted.type}"`,
    )
  }
  const before = { config: current.config ?? {}, description: current.description, ...devicesOf(current) }
  const after = merge(before, wanted)
  await step(`Failed to update ${kind.what} "${wanted.name}"`, daemon.request('PUT', at, after, { etag }))
  undo.add(`${kind.what} "${wanted.name}"`, () => daemon.request('PUT', at, before))
}

async function find(
  daemon: Connection,
  at: string,
): Promise<{ readonly current: Current; readonly etag: string | undefined } | undefined> {
  try {
    const { metadata, etag } = await daemon.request<Current>('GET', at)
    return { current: metadata, etag }
  } catch (error) {
    if (error instanceof Failure && error.kind === 'not-found') return undefined
    throw error
  }
}

function devicesOf({ devices }: Pick<Current, 'devices'>): { devices?: Readonly<Record<string, Config>> } {
  return devices ? { devices } : {}
}

interface Put {
  readonly config: Config
  readonly description: string
  readonly devices?: Readonly<Record<string, Config>>
}

/** What is there with what is wanted on top of it, key by key; devices by their keys, too. */
export function merge(current: Put, wanted: PreseedProfile): Put {
  const devices = { ...current.devices }
  for (const [name, device] of Object.entries(wanted.devices ?? {})) devices[name] = { ...devices[name], ...device }
  return {
    config: { ...current.config, ...wanted.config },
    description: wanted.description ?? current.description,
    ...(current.devices === undefined && wanted.devices === undefined ? {} : { devices }),
  }
}

function capital(text: string): string {
  return text.charAt(0).toUpperCase() + text.slice(1)
}

async function step(message: string, work: Promise<unknown>): Promise<void> {
  try {
    await work
  } catch (cause) {
    throw new Failure(cause instanceof Failure ? cause.kind : 'internal', message, { cause })
  }
}
