import { path, type Connection } from './connection.ts'
import { cancelOperation, listOperations, type Operation } from './operations.ts'

/** What a caller may change of a trusted certificate. */
export interface CertificatePut {
  readonly name: string
  readonly type: string
  readonly restricted: boolean
  readonly projects: readonly string[] | null
  /** PEM. */
  readonly certificate: string
}

export interface Certificate extends CertificatePut {
  readonly fingerprint: string
}

/** A certificate to trust, or one to ask for in one's own name with a password or a token. */
export interface CertificatesPost {
  readonly name?: string
  readonly type: string
  readonly restricted?: boolean
  readonly projects?: readonly string[]
  /** Base64 of the DER; without it, the one the connection shows. */
  readonly certificate?: string
  /** A password, or a token. */
  readonly password?: string
}

/** What a token says: who may join, and how to find and recognise the server. */
export interface TrustToken {
  readonly client_name: string
  readonly fingerprint: string
  readonly addresses: readonly string[]
  readonly secret: string
  /** RFC 3339; the year 1 for never. */
  readonly expires_at?: string
}

/** A token that waits for its client. */
export interface PendingToken {
  readonly operation: string
  readonly clientName: string
  /** RFC 3339; undefined for never. */
  readonly expiresAt: string | undefined
  /** As it is handed over. */
  readonly text: string
}

export async function listCertificates(connection: Connection): Promise<Certificate[]> {
  return (await connection.get<Certificate[] | null>('/1.0/certificates', { query: { recursion: 1 } })) ?? []
}

/** A certificate by its fingerprint or the beginning of it. */
export async function getCertificate(
  connection: Connection,
  fingerprint: string,
): Promise<{ readonly certificate: Certificate; readonly etag: string | undefined }> {
  const reply = await connection.request<Certificate>('GET', path`/1.0/certificates/${fingerprint}`)
  return { certificate: reply.metadata, etag: reply.etag }
}

export async function addCertificate(connection: Connection, post: CertificatesPost): Promise<void> {
  await connection.request('POST', '/1.0/certificates', post)
}

/** Makes a token that lets one client add its own certificate, and gives it as it is handed over. */
export async function createTrustToken(
  connection: Connection,
  post: Omit<CertificatesPost, 'certificate' | 'password'>,
): Promise<string> {
  const reply = await connection.request<Operation>('POST', '/1.0/certificates', { ...post, token: true })
  const token = pendingToken(reply.metadata)
  if (token === undefined) throw new Error('The server answered with an operation that is no token')
  return token.text
}

/** Replaces what may be changed of a certificate; refused when it has changed since `etag`. */
export async function updateCertificate(
  connection: Connection,
  fingerprint: string,
  put: CertificatePut,
  etag?: string,
): Promise<void> {
  await connection.request('PUT', path`/1.0/certificates/${fingerprint}`, put, { etag })
}

export async function deleteCertificate(connection: Connection, fingerprint: string): Promise<void> {
  await connection.request('DELETE', path`/1.0/certificates/${fingerprint}`)
}

/** The tokens that nobody has used yet. */
export async function listTrustTokens(connection: Connection): Promise<PendingToken[]> {
  const operations = await listOperations(connection)
  return operations
    .filter((operation) => operation.class === 'token' && operation.status === 'Running')
    .map(pendingToken)
    .filter((token) => token !== undefined)
}

export async function revokeTrustToken(connection: Connection, { operation }: PendingToken): Promise<void> {
  await cancelOperation(connection, operation)
}

/** Reads a token; undefined when the text is none. */
export function readTrustToken(text: string): TrustToken | undefined {
  if (text.length > 64 * 1024 || !/^[\w+/-]+=*$/.test(text)) return undefined
  let token: Partial<TrustToken> | null
  try {
    token = JSON.parse(Buffer.from(text, 'base64').toString()) as Partial<TrustToken> | null
  } catch {
    return undefined
  }
  if (typeof token !== 'object' || token === null) return undefined

  const { client_name, fingerprint, addresses, secret } = token
  const whole = [client_name, fingerprint, secret].every((part) => typeof part === 'string' && part !== '')
  if (!whole || !Array.isArray(addresses) || addresses.length === 0) return undefined
  return addresses.every((address) => typeof address === 'string') ? (token as TrustToken) : undefined
}

interface TokenMetadata {
  readonly addresses?: readonly string[]
  readonly fingerprint?: string
  readonly secret?: string
  readonly expiresAt?: string
  readonly request?: { readonly name?: string }
}

/** The token an operation stands for; undefined for other tokens, a cluster's for one. */
function pendingToken({ id, metadata }: Operation): PendingToken | undefined {
  const { request, fingerprint, addresses, secret, expiresAt } = (metadata ?? {}) as TokenMetadata
  const name = request?.name
  if (name === undefined || fingerprint === undefined || secret === undefined) return undefined

  const token: TrustToken = {
    client_name: name,
    fingerprint,
    addresses: addresses ?? [],
    secret,
    expires_at: expiresAt ?? '0001-01-01T00:00:00Z',
  }
  const text = Buffer.from(JSON.stringify(token)).toString('base64')
  return { operation: id, clientName: name, expiresAt, text }
}
