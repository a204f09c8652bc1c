import { X509Certificate } from 'node:crypto'
import { hostname, networkInterfaces } from 'node:os'
import type { Socket } from 'node:net'
import { Admission } from '#api/admission.ts'
import type { AdmissionLimits } from '#api/admission.ts'
import type { BrowserPolicy } from '#api/browsers.ts'
import type { Api } from '#api/http-listener.ts'
import { checkUsable, listenTls } from '#api/listen-tls.ts'
import type { TlsIdentity, TlsListener, TlsSettings } from '#api/listen-tls.ts'
import { canonicalAddress } from '#base/address.ts'
import { badRequest, explain } from '#base/failure.ts'
import { formatListenAddress, isWildcard } from '#base/listen-address.ts'
import type { ListenAddress } from '#base/listen-address.ts'
import type { Log } from '#base/log.ts'
import type { Applied, ConfigChange, ConfigPart, ServerValues } from '#server/config-part.ts'
import type { ServerIdentity } from '#server/server-certificate.ts'
import type { Warnings } from '#warnings/warnings.ts'
import { Doorway } from './doorway.ts'

export interface ListenersOptions {
  readonly log: Log
  readonly identity: Pick<ServerIdentity, 'current' | 'reload'>
  readonly warnings: Pick<Warnings, 'raise' | 'resolve'>
  /** The configuration at the start. */
  readonly values: ServerValues
}

/** The daemon's doors for remote clients: open as the server's configuration says. */
export class Listeners implements AsyncDisposable {
  readonly #log: Log
  readonly #warnings: ListenersOptions['warnings']
  readonly #identity: ListenersOptions['identity']
  #values: ServerValues
  #browsers: BrowserPolicy
  #proxies: ReadonlySet<string>
  readonly #admission: Admission
  readonly #https: Doorway
  readonly #metrics: Doorway
  #api: Api | undefined

  constructor({ log, identity, warnings, values }: ListenersOptions) {
    this.#log = log
    this.#warnings = warnings
    this.#identity = identity
    this.#values = values
    this.#browsers = browserPolicy(values, identity.current)
    this.#proxies = proxiesOf(values)
    this.#admission = new Admission(limitsOf(values))
    this.#https = new Doorway((address) => this.#listen('tls', address))
    this.#metrics = new Doorway((address) => this.#listen('metrics', address))
  }

  /** What it does when the configuration changes. */
  readonly part: ConfigPart = {
    keys: [
      'core.https_address',
      'core.https_allowed_credentials',
      'core.https_allowed_headers',
      'core.https_allowed_methods',
      'core.https_allowed_origin',
      'core.https_max_connections',
      'core.https_max_connections_per_address',
      'core.https_max_untrusted_connections',
      'core.https_tls_min_version',
      'core.https_trusted_proxy',
      'core.metrics_address',
      'core.metrics_authentication',
    ],
    apply: (change) => this.#apply(change),
  }

  /**
   * Opens what the configuration asks for. For what can't be opened a warning is raised, and the daemon does without:
   * how to repair it is by the Unix socket, which is none of these.
   */
  async start(api: Api): Promise<void> {
    this.#api = api
    const failures: string[] = []
    for (const [key, doorway] of this.#doorways()) {
      try {
        await doorway.move(this.#values[key])
      } catch (error) {
        failures.push(explain(error))
      }
    }
    const type = 'API does not listen'
    if (failures.length > 0) this.#warnings.raise({ type, message: failures.join('; ') })
    else this.#warnings.resolve(type)
    this.#warnOfWildcard()
  }

  /** The addresses at which remote clients reach the API now, as `GET /1.0` tells them. */
  addresses(): readonly string[] {
    const { address } = this.#https
    if (!address) return []
    if (!isWildcard(address)) return [formatListenAddress(address)]
    return globalAddresses(address.host).map((host) => formatListenAddress({ host, port: address.port }))
  }

  /** What pages in browsers may do, at the moment. */
  browsers(): BrowserPolicy {
    return this.#browsers
  }

  /**
   * Reads the server's certificate again and shows it from the next connection on. Where it can't be used, the log says
   * so and the old one stays.
   */
  async reload(): Promise<void> {
    try {
      if (!(await this.#identity.reload(checkUsable))) return
    } catch (error) {
      this.#log.error('Cannot reload the server certificate', { error: explain(error) })
      return
    }
    const { fingerprint } = this.#identity.current
    for (const listener of this.#listeners()) listener.setIdentity(this.#identity.current)
    this.#browsers = browserPolicy(this.#values, this.#identity.current)
    this.#log.info('Showing a new server certificate', { fingerprint })
  }

  /** The client at the other end of a connection has turned out to be one that the server knows. */
  trust(socket: Socket): void {
    this.#admission.trust(socket)
  }

  /** Whether metrics are for everyone, known or not. */
  get metricsForAll(): boolean {
    return !this.#values['core.metrics_authentication']
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await Promise.all([this.#https[Symbol.asyncDispose](), this.#metrics[Symbol.asyncDispose]()])
  }

  #doorways() {
    return [
      ['core.https_address', this.#https],
      ['core.metrics_address', this.#metrics],
    ] as const
  }

  async #listen(door: 'tls' | 'metrics', address: ListenAddress): Promise<TlsListener> {
    if (!this.#api) throw new Error('The API is not there yet')
    const listener = await listenTls(this.#api, {
      door,
      address,
      identity: this.#identity.current,
      tls: tlsOf(this.#values),
      admission: this.#admission,
      proxies: () => this.#proxies,
    })
    this.#log.info('Listening for remote clients', { door, address: formatListenAddress(address) })
    return listener
  }

  async #apply({ values, changes }: ConfigChange): Promise<Applied> {
    const before = this.#values
    this.#set(values)
    const moved: Applied[] = []
    const undo = async () => {
      for (const one of moved.toReversed()) await one.undo()
      this.#set(before)
    }
    for (const [key, doorway] of this.#doorways()) {
      try {
        if (changes(key)) moved.push(await doorway.move(values[key]))
      } catch (cause) {
        await undo()
        throw badRequest(`Invalid server configuration: "${key}"`, { cause })
      }
    }
    return {
      undo,
      finish: async () => {
        for (const one of moved) await one.finish?.()
        if (moved.length > 0) this.#checkOpen()
      },
    }
  }

  /** Warnings that were true before a change may not be any more. */
  #checkOpen(): void {
    const closed = this.#doorways().filter(([key, { address }]) => this.#values[key] && !address)
    if (closed.length === 0) this.#warnings.resolve('API does not listen')
    this.#warnOfWildcard()
  }

  #listeners(): readonly TlsListener[] {
    return [...this.#https.listeners, ...this.#metrics.listeners]
  }

  #set(values: ServerValues): void {
    this.#values = values
    this.#browsers = browserPolicy(values, this.#identity.current)
    this.#proxies = proxiesOf(values)
    this.#admission.setLimits(limitsOf(values))
    for (const listener of this.#listeners()) {
      if (listener.tls.minVersion !== tlsOf(values).minVersion) listener.setTls(tlsOf(values))
    }
  }

  #warnOfWildcard(): void {
    const { address } = this.#https
    const type = 'API listens on a wildcard address'
    if (!address || !isWildcard(address)) return this.#warnings.resolve(type)
    const message = `"core.https_address" is "${formatListenAddress(address)}", any address of this host. Set it to the single address where the server should be available`
    this.#warnings.raise({ type, message })
  }
}

function tlsOf(values: ServerValues): TlsSettings {
  return { minVersion: values['core.https_tls_min_version'] }
}

function limitsOf(values: ServerValues): AdmissionLimits {
  return {
    total: values['core.https_max_connections'],
    untrusted: values['core.https_max_untrusted_connections'],
    perAddress: values['core.https_max_connections_per_address'],
  }
}

function proxiesOf(values: ServerValues): ReadonlySet<string> {
  return new Set(values['core.https_trusted_proxy']?.map((address) => canonicalAddress(address)))
}

function browserPolicy(values: ServerValues, { certificate }: TlsIdentity): BrowserPolicy {
  const own = values['core.https_address']?.host || 'localhost'
  return {
    origins: values['core.https_allowed_origin'] ?? [],
    methods: values['core.https_allowed_methods'] ?? '',
    headers: values['core.https_allowed_headers'] ?? '',
    credentials: values['core.https_allowed_credentials'],
    hosts: new Set(['localhost', own, hostname().toLowerCase(), ...certificateNames(certificate)]),
  }
}

/** The host names a certificate is for; patterns name no host. */
function certificateNames(certificate: string): string[] {
  const names = new X509Certificate(certificate).subjectAltName ?? ''
  return [...names.matchAll(/DNS:([\w.-]+)(?=,|$)/g)].map(([, name = '']) => name.toLowerCase())
}

/** The addresses of this machine that others may reach it at. `0.0.0.0` stands for those of IPv4 only. */
function globalAddresses(wildcard: string): string[] {
  return Object.values(networkInterfaces())
    .flatMap((addresses) => addresses ?? [])
    .filter(({ internal, family, address }) => {
      if (internal || (wildcard === '0.0.0.0' && family !== 'IPv4')) return false
      return !/^(fe[89ab]|169\.254\.)/i.test(address)
    })
    .map(({ address }) => address)
}
