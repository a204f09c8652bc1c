import { badRequest } from '#base/failure.ts'
import { fs } from '#client/builtins.ts'

/** A server as `config.yml` describes it. */
export interface RemoteConfig {
  readonly addr: string
  readonly auth_type?: string
  readonly domain?: string
  readonly project?: string
  readonly protocol?: string
  readonly public: boolean
}

/** The client's own configuration, `config.yml`. */
export interface ClientConfig {
  readonly 'default-remote': string
  readonly remotes: Readonly<Record<string, RemoteConfig>>
  readonly aliases: Readonly<Record<string, string>>
  /** Names of the remotes that the machine's administrator has set up for everyone. */
  readonly global: ReadonlySet<string>
}

/** Remotes that are always there and cannot be changed. */
export const staticRemotes: Readonly<Record<string, RemoteConfig>> = {
  local: { addr: 'unix://', public: false },
  ubuntu: { addr: 'https://cloud-images.ubuntu.com/releases', protocol: 'simplestreams', public: true },
  'ubuntu-daily': { addr: 'https://cloud-images.ubuntu.com/daily', protocol: 'simplestreams', public: true },
}

/** What a client without a `config.yml` starts with. */
const initial: ClientConfig = {
  'default-remote': 'local',
  remotes: {
    images: { addr: 'https://images.linuxcontainers.org', protocol: 'simplestreams', public: true },
    local: { addr: 'unix://', public: false },
  },
  aliases: {},
  global: new Set(),
}

const MAX_SIZE = 1024 * 1024

/** The directory `config.yml` and the client's certificates are in. */
export function configDirectory(env: Readonly<Record<string, string | undefined>>): string {
  return env['LXD_CONF'] || `${env['HOME'] || '/root'}/.config/lxc`
}

/** Where remotes for all users of the machine are described. */
export function globalConfigDirectory(env: Readonly<Record<string, string | undefined>>): string {
  return env['LXD_GLOBAL_CONF'] || '/etc/lxc'
}

/**
 * Reads `config.yml` in `directory`; without one, what a new client starts with. Remotes of the one in
 * `globalDirectory` come along unless the user has others of these names.
 */
export async function readClientConfig(directory: string, globalDirectory: string): Promise<ClientConfig> {
  const own = (await readDocument(`${directory}/config.yml`)) ?? initial
  const shared = (await readDocument(`${globalDirectory}/config.yml`))?.remotes ?? {}

  const names = Object.keys(shared).filter((name) => !Object.hasOwn(own.remotes ?? {}, name))
  const global = new Set(names.filter((name) => !Object.hasOwn(staticRemotes, name)))
  return withStatic({
    'default-remote': own['default-remote'] || 'local',
    remotes: { ...shared, ...own.remotes },
    aliases: own.aliases ?? {},
    global,
  })
}

async function readDocument(file: string): Promise<Partial<ClientConfig> | undefined> {
  let text: string
  try {
    text = fs.readFileSync(file, 'utf8')
  } catch (cause) {
    if ((cause as NodeJS.ErrnoException).code === 'ENOENT') return undefined
    throw badRequest(`Cannot read "${file}"`, { cause })
  }
  if (text.length > MAX_SIZE) throw badRequest(`Cannot read "${file}": it is larger than ${MAX_SIZE} bytes`)

  const { readPlainYaml } = await import('./plain-yaml.ts')
  // Every client reads this file at its start, and a whole YAML parser takes
  // longer to load than most commands take.
  const document = readPlainYaml(text) ?? (await readAnyYaml(file, text))
  if (typeof document !== 'object' || document === null || Array.isArray(document)) {
    throw badRequest(`Cannot read "${file}": expected a mapping`)
  }
  return document as Partial<ClientConfig>
}

/** A static remote keeps nothing of the user's but the project. */
function withStatic(config: ClientConfig): ClientConfig {
  const remotes: Record<string, RemoteConfig> = { ...config.remotes }
  for (const [name, remote] of Object.entries(staticRemotes)) {
    const project = config.remotes[name]?.project
    remotes[name] = project === undefined ? remote : { ...remote, project }
  }
  return { ...config, remotes }
}

async function readAnyYaml(file: string, text: string): Promise<unknown> {
  const { parse } = await import('yaml')
  try {
    return parse(text) as unknown
  } catch (cause) {
    throw badRequest(`Cannot read "${file}"`, { cause })
  }
}
