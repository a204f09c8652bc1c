import type { Server } from 'node:https'
import type { Socket } from 'node:net'
import type { TlsOptions } from 'node:tls'
import { canonicalAddress } from '#base/address.ts'
import { explain } from '#base/failure.ts'
import { formatListenAddress } from '#base/listen-address.ts'
import type { ListenAddress } from '#base/listen-address.ts'
import type { Admission, Client } from './admission.ts'
import { listen, serveApi, serverOptions } from './http-listener.ts'
import type { Api, Listener } from './http-listener.ts'
import { takeProxyHeader } from './proxy-protocol.ts'

/** What the server shows of itself, as PEM. */
export interface TlsIdentity {
  readonly certificate: string
  readonly key: string
}

export interface TlsSettings {
  readonly minVersion: '1.2' | '1.3'
}

export interface TlsListenerOptions {
  readonly door: 'tls' | 'metrics'
  readonly address: ListenAddress
  readonly identity: TlsIdentity
  readonly tls: TlsSettings
  readonly admission: Admission
  /** The addresses of proxies that may tell for whom they connect, at the moment. In their canonical form. */
  readonly proxies: () => ReadonlySet<string>
}

/** A listener for remote clients. */
export interface TlsListener extends Listener {
  readonly tls: TlsSettings
  /** From the next connection on, the server shows this certificate. */
  setIdentity(identity: TlsIdentity): void
  /** The same for what it asks of clients. */
  setTls(settings: TlsSettings): void
  /** Gives up the address, and nothing else. */
  pause(): void
  /** Listens again at the address that was given up. */
  resume(): Promise<void>
}

/** Throws where TLS would not take a certificate and its key. */
export function checkUsable({ certificate, key }: TlsIdentity): void {
  process.getBuiltinModule('node:tls').createSecureContext({ cert: certificate, key })
}

/** How long a client has to finish its handshake, and a proxy to say whom it speaks for, in milliseconds. */
const handshakeTimeout = 10_000

/** How long a client has to send the first line and the headers of a request, in milliseconds. */
const headersTimeout = 20_000

/** Serves the API over TLS. Clients are asked for a certificate; who they are is not decided here. */
export async function listenTls(api: Api, options: TlsListenerOptions): Promise<TlsListener> {
  // Loaded only where it is needed: TLS costs megabytes.
  const { createServer } = process.getBuiltinModule('node:https')
  let { identity, tls } = options
  const server = createServer({
    ...serverOptions,
    ...contextOptions(identity, tls),
    headersTimeout,
    connectionsCheckingInterval: 5000,
    requestCert: true,
    rejectUnauthorized: false,
    handshakeTimeout,
    // A client whose machine has gone says nothing any more: the kernel finds out.
    keepAlive: true,
    keepAliveInitialDelay: 60_000,
    ALPNProtocols: ['http/1.1'],
  })
  const { take, listener } = serveApi(server, api, options.door)
  const pending = admitClients(server, options, (message, fields) => api.options.log.debug(message, fields))
  server.on('secureConnection', (socket) => {
    const arrived = pending.get(peerOf(socket))
    if (!arrived) return socket.destroy()
    pending.delete(peerOf(socket))
    take(socket, arrived.address, arrived.client)
    options.admission.bind(socket, arrived.client)
  })

  const { host, port } = options.address
  const where = host === '' ? { port } : { host, port }
  await listen(server, where)
  const renew = () => server.setSecureContext(contextOptions(identity, tls))
  return {
    [Symbol.asyncDispose]: () => {
      dropAll(pending)
      return listener[Symbol.asyncDispose]()
    },
    retire: (ended) => {
      dropAll(pending)
      listener.retire(ended)
    },
    get tls() {
      return tls
    },
    pause: () => void server.close(),
    resume: () => listen(server, where),
    setIdentity(next) {
      identity = next
      renew()
    },
    setTls(next) {
      tls = next
      renew()
    },
  }
}

/** A connection whose handshake isn't over. */
interface Arrived {
  readonly client: Client
  /** `ADDRESS:PORT` of the client, as far as a proxy has told it. */
  readonly address: string
}

/**
 * Stands between a server and its connections: counts them, and takes off what a proxy put in front. Gives the
 * connections that have not become secure yet, by their peer.
 */
function admitClients(
  server: Server,
  { admission, proxies }: TlsListenerOptions,
  debug: (message: string, fields: object) => void,
): Map<string, Arrived> {
  const pending = new Map<string, Arrived>()
  const secure = server.listeners('connection')
  server.removeAllListeners('connection')
  const arrive = (socket: Socket, { host: ip, port }: ListenAddress): void => {
    const client: Client = { ip, running: 0, drop: () => socket.destroy() }
    if (socket.destroyed || !admission.admit(client)) return void socket.destroy()
    const peer = peerOf(socket)
    pending.set(peer, { client, address: formatListenAddress({ host: ip, port }) })
    socket.once('close', () => {
      admission.leave(client)
      if (pending.get(peer)?.client === client) pending.delete(peer)
    })
    for (const listener of secure) listener.call(server, socket)
  }
  server.on('connection', (socket) => {
    // A client that is gone already has no address.
    if (socket.remoteAddress === undefined) return void socket.destroy()
    const source = { host: canonicalAddress(socket.remoteAddress), port: socket.remotePort ?? 0 }
    if (!proxies().has(source.host)) return arrive(socket, source)
    const peer = peerOf(socket)
    const waiting: Client = { ip: source.host, running: 0, drop: () => socket.destroy() }
    pending.set(peer, { client: waiting, address: formatListenAddress(source) })
    takeProxyHeader(socket, handshakeTimeout).then(
      (told) => arrive(socket, told ? { host: canonicalAddress(told.host), port: told.port } : source),
      (error: unknown) => {
        debug('A proxy was not understood', { address: source.host, error: explain(error) })
        socket.destroy()
        pending.delete(peer)
      },
    )
  })
  return pending
}

function dropAll(pending: ReadonlyMap<string, Arrived>): void {
  for (const { client } of pending.values()) client.drop()
}

/** What tells the connections of a listener apart while they are open; the same above and below TLS. */
function peerOf({ remoteAddress, remotePort }: Socket): string {
  return `${remoteAddress} ${remotePort}`
}

/** TLS 1.2 with forward secrecy and authenticated encryption only (RFC 9325 section 4.2). */
const ciphers = [
  'TLS_AES_128_GCM_SHA256',
  'TLS_AES_256_GCM_SHA384',
  'TLS_CHACHA20_POLY1305_SHA256',
  'ECDHE-ECDSA-AES128-GCM-SHA256',
  'ECDHE-RSA-AES128-GCM-SHA256',
  'ECDHE-ECDSA-AES256-GCM-SHA384',
  'ECDHE-RSA-AES256-GCM-SHA384',
  'ECDHE-ECDSA-CHACHA20-POLY1305',
  'ECDHE-RSA-CHACHA20-POLY1305',
].join(':')

function contextOptions({ certificate, key }: TlsIdentity, { minVersion }: TlsSettings): TlsOptions {
  // No authorities: the names of all that the system knows would go to every client, and none counts here.
  return { cert: certificate, key, ca: [], minVersion: `TLSv${minVersion}`, ciphers }
}
