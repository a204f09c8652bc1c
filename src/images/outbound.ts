import { X509Certificate } from 'node:crypto'
import { lookup } from 'node:dns/promises'
import type { IncomingMessage, RequestOptions } from 'node:http'
import { isIP } from 'node:net'
import { networkInterfaces } from 'node:os'
import type { Readable } from 'node:stream'
import { setTimeout as sleep } from 'node:timers/promises'
import type { TLSSocket } from 'node:tls'
import type { Cidr } from '#base/address.ts'
import { badRequest, Failure, forbidden, unavailable } from '#base/failure.ts'
import { mayConnect } from './address-policy.ts'
import type { Reach } from './address-policy.ts'

/** Another server, as the source of an image names it. */
export interface RemoteServer {
  /** Without brackets, where it is an IPv6 address. */
  readonly host: string
  readonly port: number
  /** In DER: the only certificate it may show. Where undefined, the system's authorities decide. */
  readonly certificate: Buffer | undefined
}

/** How long another server may take, in milliseconds. */
export interface OutboundLimits {
  /** To be found, connected to and known. */
  readonly connect: number
  /** To begin its answer, once it has the request. */
  readonly answer: number
  /** Between two signs of life. */
  readonly idle: number
}

export const outboundLimits: OutboundLimits = { connect: 20_000, answer: 30_000, idle: 30_000 }

export interface OutboundOptions {
  /** The networks that clients who are no administrators may have this server connect to, besides the internet. */
  readonly allowed: () => readonly Cidr[]
  readonly limits?: OutboundLimits | undefined
  /** The certificates, in PEM, of those who vouch for servers that no certificate is known of. */
  readonly authorities?: (() => readonly string[]) | undefined
  /** The addresses of a host name. */
  readonly resolve?: ((host: string) => Promise<readonly string[]>) | undefined
}

/** One request to another server. */
export interface OutboundRequest {
  readonly method: 'GET' | 'HEAD' | 'POST'
  /** Path and query, encoded. */
  readonly path: string
  readonly headers?: Readonly<Record<string, string>>
  readonly body?: Readable
  /** On whose behalf. */
  readonly reach: Reach
  readonly signal?: AbortSignal | undefined
}

const maxServer = 2048
const maxCertificate = 64 << 10
const maxAddresses = 4

/** Reads the URL of a server and the certificate that goes with it. Throws a bad-request Failure that names the field. */
export function parseServer(
  { url, certificate }: { readonly url: string; readonly certificate: string },
  field: string,
): RemoteServer {
  const parsed = parseUrl(url)
  if (!parsed || !/^\/*$/.test(parsed.pathname) || parsed.search) {
    throw badRequest(
      `Invalid "${field}" "${url.slice(0, 200)}": expected the https URL of a server, such as "https://server:8443"`,
    )
  }
  return { ...serverOf(parsed), certificate: certificate === '' ? undefined : parseCertificate(certificate) }
}

/** Reads a URL of something on a server that authorities vouch for. Undefined where it is no such URL. */
export function parseLocation(url: string): { readonly server: RemoteServer; readonly path: string } | undefined {
  const parsed = parseUrl(url)
  return parsed && { server: serverOf(parsed), path: `${parsed.pathname}${parsed.search}` }
}

function parseUrl(text: string): URL | undefined {
  const url = text.length <= maxServer ? URL.parse(text) : null
  const isPlain = url?.protocol === 'https:' && url.hostname !== '' && !url.username && !url.password && !url.hash
  return isPlain ? url : undefined
}

function serverOf({ hostname, port }: URL): RemoteServer {
  return { host: hostname.replace(/^\[(.*)\]$/, '$1'), port: Number(port || 443), certificate: undefined }
}

function parseCertificate(text: string): Buffer {
  try {
    if (text.length > maxCertificate) throw new Error('it is too long')
    return new X509Certificate(text).raw
  } catch (cause) {
    throw badRequest('Invalid "certificate": expected an X.509 certificate in PEM', { cause })
  }
}

/** `host:port`, as URLs and `Host` have it. */
export function hostAndPort({ host, port }: RemoteServer): string {
  return `${host.includes(':') ? `[${host}]` : host}:${port}`
}

/**
 * The one way to other servers: TLS only, to addresses that whoever asks may reach, judged when they are connected to,
 * with the certificate that was agreed on. Redirects are not followed, and whatever takes too long is cut off.
 */
export class Outbound {
  readonly #options: OutboundOptions
  readonly limits: OutboundLimits

  constructor(options: OutboundOptions) {
    this.#options = options
    this.limits = options.limits ?? outboundLimits
  }

  /** Sends a request and gives the reply once its head is there. Its status is to be looked at, its body to be bounded. */
  async request(server: RemoteServer, request: OutboundRequest): Promise<IncomingMessage> {
    const { reach, signal, body } = request
    const socket = await this.#connect(server, { reach, signal }).catch((error: unknown) => {
      body?.destroy()
      throw error
    })
    const { promise, resolve, reject } = Promise.withResolvers<IncomingMessage>()
    const options: RequestOptions = {
      createConnection: () => socket,
      method: request.method,
      path: request.path,
      headers: { host: hostAndPort(server), connection: 'close', 'user-agent': 'lxd-ts', ...request.headers },
      maxHeaderSize: 16 << 10,
      ...(signal ? { signal } : {}),
    }
    // Loaded with the first request: a daemon that makes none does without.
    const ask = process.getBuiltinModule('node:http').request(options, (reply) => {
      // Whoever reads it hears of its end; one that nobody reads any more must not end the daemon.
      reply.on('error', () => {})
      resolve(reply)
    })
    ask.on('error', reject)
    const late = () => ask.destroy(unavailable(`The server "${hostAndPort(server)}" takes too long to answer`))
    socket.setTimeout(this.limits.idle, late)
    const timer = body ? undefined : setTimeout(late, this.limits.answer)
    if (body) {
      body.on('error', (error) => ask.destroy(error))
      ask.on('close', () => body.destroy())
      body.pipe(ask)
    } else ask.end()

    try {
      return await promise
    } catch (cause) {
      signal?.throwIfAborted()
      if (cause instanceof Failure) throw cause
      throw unavailable(`Cannot talk to the server "${hostAndPort(server)}"`, { cause })
    } finally {
      clearTimeout(timer)
    }
  }

  /** An encrypted connection to one of the server's addresses. Nothing was sent on it yet. */
  async #connect(
    server: RemoteServer,
    { reach, signal }: Pick<OutboundRequest, 'reach' | 'signal'>,
  ): Promise<TLSSocket> {
    const deadline = AbortSignal.timeout(this.limits.connect)
    const stop = signal ? AbortSignal.any([signal, deadline]) : deadline
    const addresses = await this.#addresses(server, { reach, stop })
    let failed: unknown
    for (const address of addresses) {
      try {
        return await openTls(server, address, { stop, authorities: this.#options.authorities ?? systemAuthorities })
      } catch (error) {
        failed = error
        if (stop.aborted) break
      }
    }
    signal?.throwIfAborted()
    const cause = deadline.aborted ? new Error('it takes too long') : failed
    throw unavailable(`Cannot connect to the server "${hostAndPort(server)}"`, { cause })
  }

  /** Those addresses of a server that may be connected to. */
  async #addresses(
    server: RemoteServer,
    { reach, stop }: { readonly reach: Reach; readonly stop: AbortSignal },
  ): Promise<readonly string[]> {
    const found = isIP(server.host) === 0 ? await this.#resolve(server.host, stop) : [server.host]
    const own = Object.values(networkInterfaces()).flatMap((list) => (list ?? []).map(({ address }) => address))
    const policy = { reach, allowed: this.#options.allowed() }
    const open = found.filter((address) => mayConnect(policy, address, own)).slice(0, maxAddresses)
    if (open.length > 0) return open
    throw forbidden(
      `Cannot connect to the server "${hostAndPort(server)}": only administrators may have this server connect to ` +
        'addresses of its own, of private networks and the like ("images.sources.allowed_networks" opens some)',
    )
  }

  async #resolve(host: string, stop: AbortSignal): Promise<readonly string[]> {
    const resolve = this.#options.resolve ?? systemResolve
    const timer = new AbortController()
    try {
      // The system's resolver can't be stopped, only not be waited for.
      const late = sleep(2 ** 31 - 1, undefined, { signal: AbortSignal.any([stop, timer.signal]), ref: false })
      return (await Promise.race([resolve(host), late])) ?? []
    } catch (cause) {
      const why = stop.aborted ? new Error('it takes too long') : cause
      throw unavailable(`Cannot find the server "${host}"`, { cause: why })
    } finally {
      timer.abort()
    }
  }
}

async function systemResolve(host: string): Promise<readonly string[]> {
  return (await lookup(host, { all: true })).map(({ address }) => address)
}

/** Those that this host trusts; where it has none, those that come with Node. */
function systemAuthorities(): readonly string[] {
  const { getCACertificates } = process.getBuiltinModule('node:tls')
  const own = getCACertificates('system')
  return own.length > 0 ? own : getCACertificates('bundled')
}

async function openTls(
  { host, port, certificate }: RemoteServer,
  address: string,
  { stop, authorities }: { readonly stop: AbortSignal; readonly authorities: () => readonly string[] },
) {
  const { promise, resolve, reject } = Promise.withResolvers<TLSSocket>()
  // Loaded with the first connection, as much else that is only for talking to others.
  const socket = process.getBuiltinModule('node:tls').connect({
    host: address,
    port,
    minVersion: 'TLSv1.2',
    ALPNProtocols: ['http/1.1'],
    ...(isIP(host) === 0 ? { servername: host } : {}),
    // A pinned certificate stands for the server whatever it says itself; it is compared below.
    ...(certificate ? { rejectUnauthorized: false } : { ca: [...authorities()] }),
  })
  const abort = () => socket.destroy(new Error('it takes too long'))
  const fail = (error: Error) => reject(new Error(error.message.replace(/; if the root CA is installed.*/s, '')))
  socket.once('error', fail)
  socket.once('secureConnect', () => {
    if (certificate && !socket.getPeerX509Certificate()?.raw.equals(certificate)) {
      reject(new Error('it shows another certificate than the one it is known by'))
      socket.destroy()
    } else resolve(socket)
  })
  stop.addEventListener('abort', abort, { once: true })
  try {
    stop.throwIfAborted()
    return await promise
  } catch (error) {
    socket.destroy()
    throw error
  } finally {
    stop.removeEventListener('abort', abort)
    socket.off('error', fail)
    // One that comes between two requests' listeners must not end the daemon; who reads the socket hears of its end.
    socket.on('error', () => {})
  }
}
