import { accessSync, constants } from 'node:fs'

import { badRequest, notFound, notImplemented } from '#base/failure.ts'
import { Connection, type Session } from '#client/connection.ts'
import type { Endpoint, HttpsEndpoint } from '#client/endpoint.ts'

import type { ClientConfig, RemoteConfig } from './client-config.ts'
import { readClientKeys, readFileIn, readServerCertificate } from './credentials.ts'

/** Something on a server: `work:web` is "web" on "work". */
export interface Named {
  readonly remote: string
  readonly name: string
}

/** What a remote is asked about: its images, which anyone may be offered, or anything. */
export type Use = 'images' | 'all'

export interface RemotesOptions {
  readonly config: ClientConfig
  /** Where the client keeps its certificates and those of its servers. */
  readonly directory: string
  /** Where those of the machine's administrator are. */
  readonly globalDirectory: string
  readonly env: Readonly<Record<string, string | undefined>>
  /** Only ever ask the daemon of this machine. */
  readonly forceLocal: boolean
  /** Taken in place of a remote's own project, unless empty. */
  readonly project: string
  readonly trace?: (line: string) => void
  /** Tells the user what to do for a command to go on. */
  readonly tell: (text: string) => void
}

/** The servers this client knows, and how to reach them. */
export class Remotes {
  readonly config: ClientConfig
  readonly directory: string
  readonly globalDirectory: string
  readonly #options: RemotesOptions

  constructor(options: RemotesOptions) {
    this.config = options.config
    this.directory = options.directory
    this.globalDirectory = options.globalDirectory
    this.#options = options
  }

  /** The remote that is meant where none is named. */
  get default(): string {
    return this.#options.env['LXC_REMOTE'] || this.config['default-remote']
  }

  /** Splits what a user wrote into the remote and the rest. Throws when there is no such remote. */
  parse(text: string, fallback = this.default): Named {
    const colon = text.indexOf(':')
    if (colon < 0) return { remote: this.#known(fallback), name: text }
    return { remote: this.#known(text.slice(0, colon) || fallback), name: text.slice(colon + 1) }
  }

  /** The project that requests to `remote` are about; undefined leaves it to the server. */
  projectOf(remote: string): string | undefined {
    return this.#options.project || this.get(remote).project || undefined
  }

  get(remote: string): RemoteConfig {
    const config = Object.hasOwn(this.config.remotes, remote) ? this.config.remotes[remote] : undefined
    if (config === undefined) throw notFound(`The remote "${remote}" doesn't exist`)
    return config
  }

  /** A connection to a remote; it isn't opened before the first request. */
  connect(remote: string, use: Use = 'all'): Connection {
    const config = this.get(remote)
    if (config.public && use === 'all') throw notImplemented("The remote isn't a private LXD server")
    const endpoint = this.endpoint(remote, config)
    if (endpoint.kind === 'https' && endpoint.cert === undefined && !config.public && config.auth_type !== 'oidc') {
      throw badRequest('Missing TLS client certificate and key')
    }
    return this.connectTo(endpoint, {
      project: this.projectOf(remote),
      ...(config.auth_type === 'oidc' && endpoint.kind === 'https' ? { session: this.session(remote) } : {}),
    })
  }

  /** A user's session with a remote, for all connections to it. */
  session(remote: string): () => Promise<Session> {
    const { tell } = this.#options
    const load = async (): Promise<Session> =>
      (await import('./oidc-tokens.ts')).oidcSession(this.directory, remote, tell)
    let session: Promise<Session> | undefined
    return () => (session ??= load())
  }

  /** A connection to a server that may not be known yet. */
  connectTo(
    endpoint: Endpoint,
    { project, session }: { readonly project?: string | undefined; readonly session?: () => Promise<Session> } = {},
  ): Connection {
    const { trace } = this.#options
    return new Connection({
      endpoint,
      project,
      session,
      userAgent: 'lxd-ts client',
      ...(trace === undefined ? {} : { trace }),
    })
  }

  /** As {@link Remotes.at}, where there has to be a name; `what` says of what. */
  named(text: string, what: string, use?: Use): Named & { readonly connection: Connection } {
    const at = this.at(text, use)
    if (at.name === '') throw badRequest(`Missing ${what}`)
    return at
  }

  /** As {@link Remotes.parse}, connected. */
  at(text: string, use?: Use): Named & { readonly connection: Connection } {
    const named = this.parse(text)
    return { ...named, connection: this.connect(named.remote, use) }
  }

  #known(remote: string): string {
    this.get(remote)
    return remote
  }

  /** Where a remote is, and what proves who is who; of `config`, where the remote isn't known yet. */
  endpoint(remote: string, config = this.get(remote)): Endpoint {
    const { env, forceLocal } = this.#options
    const { addr, protocol = 'lxd' } = config
    if (forceLocal || addr === 'unix://' || addr === 'unix:') {
      return { kind: 'unix', path: env['LXD_SOCKET'] || findSocket(env['LXD_DIR'] || '/var/lib/lxd') }
    }
    if (addr.startsWith('unix:')) return { kind: 'unix', path: addr.replace(/^unix:(?:\/\/)?/, '') }
    if (protocol !== 'lxd') throw notImplemented("The remote isn't a private LXD server")

    const url = URL.parse(addr)
    if (url?.protocol !== 'https:') throw badRequest(`The remote "${remote}" has an address that is no https URL`)
    return {
      kind: 'https',
      host: url.hostname.replace(/^\[(.*)\]$/, '$1'),
      port: Number(url.port || 443),
      ...this.#certificates(remote, config),
    }
  }

  #certificates(remote: string, config: RemoteConfig): Partial<HttpsEndpoint> {
    const keys = config.public || config.auth_type === 'oidc' ? undefined : readClientKeys(this.directory)
    const ca = readFileIn(this.directory, 'client.ca')
    const serverCert =
      readServerCertificate(this.directory, remote) ?? readServerCertificate(this.globalDirectory, remote)
    return {
      ...keys,
      ...(ca === undefined ? {} : { ca }),
      ...(serverCert === undefined ? {} : { serverCert }),
    }
  }
}

/** The daemon's socket: that for local users with a role, where this user can't use the one for administrators. */
function findSocket(directory: string): string {
  const [path, forUsers] = [`${directory}/unix.socket`, `${directory}/unix.socket.user`]
  return !isWritable(path) && isWritable(forUsers) ? forUsers : path
}

function isWritable(path: string): boolean {
  try {
    accessSync(path, constants.W_OK)
    return true
  } catch {
    return false
  }
}
