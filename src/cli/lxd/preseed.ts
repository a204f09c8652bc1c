import { badRequest } from '#base/failure.ts'

/** Settings by name. */
export type Config = Readonly<Record<string, string>>

/** A storage pool, network or project that is to be there with these settings. */
export interface PreseedEntity {
  readonly name: string
  /** The kind of a network, or the driver of a pool; empty leaves it to the server. */
  readonly type?: string | undefined
  readonly description?: string | undefined
  readonly config?: Config | undefined
}

export interface PreseedNetwork extends PreseedEntity {
  readonly project?: string | undefined
}

export interface PreseedProfile extends PreseedEntity {
  readonly devices?: Readonly<Record<string, Config>> | undefined
}

/** What `lxd init --preseed` reads: how a server is to be set up. */
export interface Preseed {
  readonly config: Config
  readonly networks: readonly PreseedNetwork[]
  readonly pools: readonly PreseedEntity[]
  readonly profiles: readonly PreseedProfile[]
  readonly projects: readonly PreseedEntity[]
}

const MAX_SIZE = 10 * 1024 * 1024

/** Reads a preseed. Throws a bad-request Failure for a field that isn't one, or has the wrong shape. */
export async function readPreseed(text: string): Promise<Preseed> {
  if (text.length > MAX_SIZE) throw badRequest(`Failed to parse the preseed: it is larger than ${MAX_SIZE} bytes`)
  const { parse } = await import('yaml')
  let document: unknown
  try {
    // Every value is a text to us, so "1" and "yes" stay what was written.
    document = parse(text, { schema: 'failsafe', maxAliasCount: 100 })
  } catch (cause) {
    throw badRequest('Failed to parse the preseed', { cause })
  }

  const top = fieldsOf(document, 'preseed', ['config', 'networks', 'storage_pools', 'profiles', 'projects', 'cluster'])
  if (!isAbsent(top['cluster'])) throw badRequest('Failed to parse the preseed: clusters are not supported')
  return {
    config: textsOf(top['config'], 'config'),
    networks: listOf(top['networks'], 'networks', (item, at) => ({
      ...entityOf(item, at, ['type', 'project']),
      type: textOf(item['type'], `${at}.type`),
      project: textOf(item['project'], `${at}.project`),
    })),
    pools: listOf(top['storage_pools'], 'storage_pools', (item, at) => ({
      ...entityOf(item, at, ['driver']),
      type: textOf(item['driver'], `${at}.driver`),
    })),
    profiles: listOf(top['profiles'], 'profiles', (item, at) => ({
      ...entityOf(item, at, ['devices']),
      devices: devicesOf(item['devices'], `${at}.devices`),
    })),
    projects: listOf(top['projects'], 'projects', (item, at) => entityOf(item, at, [])),
  }
}

type Fields = Readonly<Record<string, unknown>>

function wrong(at: string, expected: string): Error {
  return badRequest(`Failed to parse the preseed: "${at}" must be ${expected}`)
}

function isAbsent(value: unknown): boolean {
  return value === undefined || value === null || value === '' || value === 'null' || value === '~'
}

/** A mapping; with `known` given, one that has no other fields. */
function fieldsOf(value: unknown, at: string, known?: readonly string[]): Fields {
  if (isAbsent(value)) return {}
  if (typeof value !== 'object' || Array.isArray(value)) throw wrong(at, 'a mapping')
  const other = known && Object.keys(value!).find((field) => !known.includes(field))
  if (other !== undefined) throw badRequest(`Failed to parse the preseed: field ${other} not found in ${at}`)
  return value as Fields
}

function listOf<T>(value: unknown, at: string, read: (item: Fields, at: string) => T): T[] {
  if (isAbsent(value)) return []
  if (!Array.isArray(value)) throw wrong(at, 'a list')
  return value.map((item, index) => read(fieldsOf(item, `${at}[${index}]`), `${at}[${index}]`))
}

function entityOf(item: Fields, at: string, more: readonly string[]): PreseedEntity {
  fieldsOf(item, at, ['name', 'description', 'config', ...more])
  const name = textOf(item['name'], `${at}.name`)
  if (name === undefined) throw wrong(`${at}.name`, 'given')
  return {
    name,
    description: textOf(item['description'], `${at}.description`),
    config: textsOf(item['config'], `${at}.config`),
  }
}

function textOf(value: unknown, at: string): string | undefined {
  if (isAbsent(value)) return undefined
  if (typeof value !== 'string') throw wrong(at, 'a text')
  return value
}

function textsOf(value: unknown, at: string): Config {
  const pairs = Object.entries(fieldsOf(value, at)).map(([key, item]): [string, string] => {
    if (typeof item === 'object' && item !== null) throw wrong(`${at}.${key}`, 'a text')
    return [key, isAbsent(item) ? '' : String(item)]
  })
  return Object.fromEntries(pairs)
}

function devicesOf(value: unknown, at: string): Record<string, Config> {
  const pairs = Object.entries(fieldsOf(value, at)).map(([name, item]) => [name, textsOf(item, `${at}.${name}`)])
  return Object.fromEntries(pairs) as Record<string, Config>
}
