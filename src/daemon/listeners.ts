import { networkInterfaces } from 'node:os'
import { listenTls } from '#api/listen-tls.ts'
import type { TlsIdentity, TlsListener, TlsSettings } from '#api/listen-tls.ts'
import type { Api } from '#api/http-listener.ts'
import { badRequest, explain } from '#base/failure.ts'
import { formatListenAddress, isWildcard, overlap } from '#base/listen-address.ts'
import type { ListenAddress } from '#base/listen-address.ts'
import type { Log } from '#base/log.ts'
import type { Applied, ConfigPart, ServerValues } from '#server/config-part.ts'
import type { Warnings } from '#warnings/warnings.ts'

interface Open {
  readonly address: ListenAddress
  readonly listener: TlsListener
}

export interface ListenersOptions {
  readonly log: Log
  readonly identity: TlsIdentity
  readonly warnings: Pick<Warnings, 'raise' | 'resolve'>
}

/** The daemon's doors for remote clients: open as the server's configuration says. */
export class Listeners implements AsyncDisposable {
  readonly #log: Log
  readonly #identity: TlsIdentity
  readonly #warnings: Pick<Warnings, 'raise' | 'resolve'>
  #api: Api | undefined
  #https: Open | undefined
  /** Listeners that were given up and may still have clients. */
  readonly #retired = new Set<TlsListener>()

  constructor(options: ListenersOptions) {
    this.#log = options.log
    this.#identity = options.identity
    this.#warnings = options.warnings
  }

  /** What it does when the configuration changes. */
  readonly part: ConfigPart = {
    keys: ['core.https_address', 'core.https_tls_min_version'],
    apply: async ({ values, changes }) => {
      if (changes('core.https_address')) return await this.#move(values)
      return this.#setTls(values)
    },
  }

  /**
   * Opens what `values` ask for. For what can't be opened a warning is raised, and the daemon does without: how to
   * repair it is by the Unix socket, which is none of these.
   */
  async start(api: Api, values: ServerValues): Promise<void> {
    this.#api = api
    const address = values['core.https_address']
    if (!address) return
    try {
      this.#https = { address, listener: await this.#listen(address, values) }
    } catch (error) {
      this.#warnings.raise({ type: 'API does not listen', message: explain(error) })
    }
    this.#warn()
  }

  /** The addresses at which remote clients reach the API now, as `GET /1.0` tells them. */
  addresses(): readonly string[] {
    if (!this.#https) return []
    const { address } = this.#https
    if (!isWildcard(address)) return [formatListenAddress(address)]
    return globalAddresses(address.host).map((host) => formatListenAddress({ host, port: address.port }))
  }

  async [Symbol.asyncDispose](): Promise<void> {
    const all = [...this.#retired, ...(this.#https ? [this.#https.listener] : [])]
    await Promise.all(all.map((listener) => listener[Symbol.asyncDispose]()))
  }

  /** Opens the new door before it closes the old one, or right after where the two are in each other's way. */
  async #move(values: ServerValues): Promise<Applied> {
    const old = this.#https
    const address = values['core.https_address']
    const inTheWay = old !== undefined && address !== undefined && overlap(old.address, address)
    if (inTheWay) old.listener.pause()
    try {
      this.#https = address && { address, listener: await this.#listen(address, values) }
    } catch (cause) {
      if (inTheWay) await old.listener.resume()
      throw badRequest('Invalid server configuration: "core.https_address"', { cause })
    }
    return {
      undo: async () => {
        await this.#https?.listener[Symbol.asyncDispose]()
        if (inTheWay) await old.listener.resume()
        this.#https = old
      },
      finish: () => {
        if (old) this.#retire(old.listener)
        this.#warnings.resolve('API does not listen')
        this.#warn()
      },
    }
  }

  #warn(): void {
    if (!this.#https || !isWildcard(this.#https.address))
      return this.#warnings.resolve('API listens on a wildcard address')
    const message = `"core.https_address" is "${formatListenAddress(this.#https.address)}", any address of this host. Set it to the single address where the server should be available`
    this.#warnings.raise({ type: 'API listens on a wildcard address', message })
  }

  #retire(listener: TlsListener): void {
    this.#retired.add(listener)
    listener.retire(() => this.#retired.delete(listener))
  }

  #setTls(values: ServerValues): Applied | undefined {
    if (!this.#https) return undefined
    const { listener } = this.#https
    const before = listener.tls
    listener.setTls(tlsOf(values))
    return { undo: () => listener.setTls(before) }
  }

  async #listen(address: ListenAddress, values: ServerValues): Promise<TlsListener> {
    if (!this.#api) throw new Error('The API is not there yet')
    try {
      const listener = await listenTls(this.#api, { address, identity: this.#identity, tls: tlsOf(values) })
      this.#log.info('Listening for remote clients', { address: formatListenAddress(address) })
      return listener
    } catch (cause) {
      throw new Error(`Cannot listen on "${formatListenAddress(address)}"`, { cause })
    }
  }
}

function tlsOf(values: ServerValues): TlsSettings {
  return { minVersion: values['core.https_tls_min_version'] }
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
