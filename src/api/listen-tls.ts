import type { TlsOptions } from 'node:tls'
import type { ListenAddress } from '#base/listen-address.ts'
import { listen, serveApi, serverOptions } from './http-listener.ts'
import type { Api, Listener } from './http-listener.ts'

/** What the server shows of itself, as PEM. */
export interface TlsIdentity {
  readonly certificate: string
  readonly key: string
}

export interface TlsSettings {
  readonly minVersion: '1.2' | '1.3'
}

/** A listener for remote clients. */
export interface TlsListener extends Listener {
  /** From the next connection on, the server shows this certificate. */
  setIdentity(identity: TlsIdentity): void
  setTls(settings: TlsSettings): void
  readonly tls: TlsSettings
  /** Gives up the address, and nothing else. */
  pause(): void
  /** Listens again at the address that was given up. */
  resume(): Promise<void>
}

/** Serves the API over TLS. Clients are asked for a certificate; who they are is not decided here. */
export async function listenTls(
  api: Api,
  options: { readonly address: ListenAddress; readonly identity: TlsIdentity; readonly tls: TlsSettings },
): Promise<TlsListener> {
  // Loaded only where it is needed: TLS costs megabytes.
  const { createServer } = process.getBuiltinModule('node:https')
  let { identity, tls } = options
  const server = createServer({
    ...serverOptions,
    ...contextOptions(identity, tls),
    requestCert: true,
    rejectUnauthorized: false,
    handshakeTimeout: 10_000,
    ALPNProtocols: ['http/1.1'],
  })
  const listener = serveApi(server, api, 'tls')
  const { host, port } = options.address
  const where = host === '' ? { port } : { host, port }
  await listen(server, where)
  const renew = () => server.setSecureContext(contextOptions(identity, tls))
  return {
    ...listener,
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
