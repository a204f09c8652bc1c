// TLS as clients speak it: who the server is has been settled before the
// first byte of a request leaves.
import { X509Certificate } from 'node:crypto'
import { isIP } from 'node:net'
import {
  checkServerIdentity,
  connect,
  createSecureContext,
  getCACertificates,
  type SecureContext,
  type TLSSocket,
} from 'node:tls'

import { badRequest, Failure, unavailable } from '#base/failure.ts'

import { hostOf, type HttpsEndpoint } from './endpoint.ts'

/** Milliseconds a server has to accept a connection and to prove who it is. */
const PATIENCE = 10_000

/** A server that is not who it should be. `certificate` is the one it showed. */
export class UntrustedServer extends Failure {
  readonly certificate: X509Certificate

  constructor(message: string, certificate: X509Certificate) {
    super('unavailable', message)
    this.name = 'UntrustedServer'
    this.certificate = certificate
  }
}

/**
 * Connects, and checks the server's certificate: against the pinned one, which
 * has to be the same byte by byte, or by the authorities and the host's name.
 * Where both a pin and authorities of our own (`ca`) are given, either will do.
 *
 * @throws {UntrustedServer} when the certificate is another one
 * @throws what `wrap` makes of any other failure
 */
export async function connectTls(endpoint: HttpsEndpoint, wrap: (cause: Error) => Error): Promise<TLSSocket> {
  const pinned = endpoint.serverCert === undefined ? undefined : readPinned(endpoint)
  const socket = await handshake(endpoint, wrap)
  try {
    checkServer(socket, endpoint, pinned)
    return socket
  } catch (error) {
    socket.destroy()
    throw error
  }
}

/** The certificate a server shows, whoever it is. Nothing is sent to it. */
export async function fetchServerCertificate(endpoint: HttpsEndpoint): Promise<X509Certificate> {
  const { host, port } = endpoint
  const wrap = (cause: Error): Error => unavailable(`Cannot connect to "${hostOf(endpoint)}"`, { cause })
  const socket = await handshake({ kind: 'https', host, port }, wrap)
  try {
    return certificateOf(socket)
  } finally {
    socket.destroy()
  }
}

/** SHA-256 of the certificate, in lower-case hexadecimal digits: what LXD calls its fingerprint. */
export function fingerprintOf(certificate: X509Certificate): string {
  return certificate.fingerprint256.replaceAll(':', '').toLowerCase()
}

function readPinned({ serverCert }: HttpsEndpoint): X509Certificate {
  try {
    return new X509Certificate(serverCert!)
  } catch {
    throw badRequest('Invalid remote certificate')
  }
}

async function handshake(endpoint: HttpsEndpoint, wrap: (cause: Error) => Error): Promise<TLSSocket> {
  const { host, port } = endpoint
  if (port > 65_535) throw wrap(new Error(`${port} is not a port`))

  const { promise, resolve, reject } = Promise.withResolvers<TLSSocket>()
  const socket = connect({
    host,
    port,
    // The check follows below, where a pin counts as well: before it nothing is sent.
    rejectUnauthorized: false,
    ...(isIP(host) === 0 ? { servername: host } : {}),
    secureContext: contextOf(endpoint),
  })
  const fail = (cause: Error): void => reject(wrap(cause))
  const timer = setTimeout(() => socket.destroy(new Error('the server does not answer')), PATIENCE)
  socket.once('error', fail)
  socket.once('close', () => fail(new Error('the server hung up')))
  socket.once('secureConnect', () => {
    socket.off('error', fail)
    resolve(socket)
  })
  try {
    return await promise
  } finally {
    clearTimeout(timer)
  }
}

/** @throws {Failure} when the client's certificate and key are no pair that can be used */
function contextOf({ cert, key, ca, serverCert }: HttpsEndpoint): SecureContext {
  try {
    return createSecureContext({
      minVersion: 'TLSv1.2',
      maxVersion: 'TLSv1.3',
      // The system's authorities take a while to read, and where a certificate is pinned they don't count.
      ca: ca ?? serverCert ?? getCACertificates('system'),
      ...(cert === undefined || key === undefined ? {} : { cert, key }),
    })
  } catch (cause) {
    const why = key?.includes('ENCRYPTED') ? 'the key is encrypted' : cause
    throw badRequest("Cannot use the client's certificate and key", { cause: why })
  }
}

function checkServer(socket: TLSSocket, endpoint: HttpsEndpoint, pinned: X509Certificate | undefined): void {
  const shown = certificateOf(socket)
  if (pinned !== undefined && shown.raw.equals(pinned.raw)) {
    const wrong = outsideItsTime(shown)
    if (wrong === undefined) return
    throw new UntrustedServer(`The certificate of "${hostOf(endpoint)}" ${wrong}`, shown)
  }
  if (pinned !== undefined && endpoint.ca === undefined) {
    throw new UntrustedServer(
      `The certificate of "${hostOf(endpoint)}" has changed: it shows ${fingerprintOf(shown)}, ` +
        `known is ${fingerprintOf(pinned)}. Either the server has a new certificate or someone else answers in its place`,
      shown,
    )
  }

  const why = reasonOfDoubt(socket, endpoint.host)
  if (why !== undefined)
    throw new UntrustedServer(`The certificate of "${hostOf(endpoint)}" is not trusted: ${why}`, shown)
}

/** What keeps the authorities from vouching for the server, undefined where nothing does. */
function reasonOfDoubt(socket: TLSSocket, host: string): string | undefined {
  // The code of OpenSSL's verdict, typed as the error it is made of elsewhere.
  const code = socket.authorized ? undefined : String(socket.authorizationError)
  if (code !== undefined && code !== 'ERR_TLS_CERT_ALTNAME_INVALID') return verdicts[code] ?? code
  return checkServerIdentity(host, socket.getPeerCertificate())?.message
}

/** Verdicts on certificates in words. */
const verdicts: Readonly<Record<string, string>> = {
  CERT_HAS_EXPIRED: 'it has expired',
  CERT_NOT_YET_VALID: 'it is not valid yet',
  DEPTH_ZERO_SELF_SIGNED_CERT: 'no authority has signed it',
  SELF_SIGNED_CERT_IN_CHAIN: 'it is signed by an authority that is not known here',
  UNABLE_TO_GET_ISSUER_CERT: 'it is signed by an authority that is not known here',
  UNABLE_TO_GET_ISSUER_CERT_LOCALLY: 'it is signed by an authority that is not known here',
  UNABLE_TO_VERIFY_LEAF_SIGNATURE: 'it is signed by an authority that is not known here',
}

function certificateOf(socket: TLSSocket): X509Certificate {
  const certificate = socket.getPeerX509Certificate()
  if (certificate === undefined) throw unavailable('The server shows no certificate')
  return certificate
}

function outsideItsTime({ validFromDate, validToDate }: X509Certificate): string | undefined {
  const now = new Date()
  if (now < validFromDate) return `is not valid before ${validFromDate.toISOString()}`
  if (now > validToDate) return `has expired on ${validToDate.toISOString()}`
  return undefined
}
