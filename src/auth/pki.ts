import { X509Certificate } from 'node:crypto'
import { readFile, stat } from 'node:fs/promises'
import { join } from 'node:path'
import { badRequest, explain } from '#base/failure.ts'
import type { Log } from '#base/log.ts'
import type { ClientCertificate } from './client-certificate.ts'
import { hasUnknownExtensions, isSignedBy, readRevocationList, serialOf, subjectOf } from './signed.ts'
import type { RevocationList } from './signed.ts'

interface Authority {
  readonly x509: X509Certificate
  readonly revocations: readonly RevocationList[]
}

/** What the files say; a text where they can't be read. */
type State = readonly Authority[] | { readonly broken: string }

const clientAuth = '1.3.6.1.5.5.7.3.2'
const anyUsage = '2.5.29.37.0'

/**
 * The certificate authority that the clients of this server must belong to, where there is one: `server.ca` in LXD_DIR, with
 * what it has revoked in `ca.crl`. Both are LXD's names. Being of the authority is a condition beside all others, and
 * holds for certificates in the trust store too.
 */
export class Pki {
  readonly #files: { readonly authority: string; readonly revocations: string }
  readonly #log: Log
  readonly #now: () => number
  #state: State = []
  #stamp = ''
  /** What was found of a certificate, and by which state of the files. */
  #checked = new WeakMap<ClientCertificate, { readonly state: State; readonly reason: string | undefined }>()

  private constructor(options: { readonly directory: string; readonly log: Log; readonly now?: () => number }) {
    const { directory, log, now = Date.now } = options
    this.#files = { authority: join(directory, 'server.ca'), revocations: join(directory, 'ca.crl') }
    this.#log = log
    this.#now = now
  }

  /** Reads the files. Throws where they are there and can't be read: nobody is to be trusted without them. */
  static async load(options: {
    readonly directory: string
    readonly log: Log
    readonly now?: () => number
  }): Promise<Pki> {
    const pki = new Pki(options)
    pki.#stamp = await pki.#readStamp()
    pki.#state = await pki.#read()
    return pki
  }

  /** Whether clients must belong to an authority. */
  get enabled(): boolean {
    return !Array.isArray(this.#state) || this.#state.length > 0
  }

  /**
   * Reads the files again if they have changed. Where they can't be read, nobody belongs to the authority until they can: the
   * clients they are to keep out are not known.
   */
  async refresh(): Promise<void> {
    const stamp = await this.#readStamp()
    if (stamp === this.#stamp) return
    try {
      this.#state = await this.#read()
      this.#log.info('Read the certificate authority of clients again')
    } catch (error) {
      this.#state = { broken: explain(error) }
      this.#log.error('Remote clients have no access', { error: explain(error) })
    }
    this.#stamp = stamp
  }

  /** Why a certificate is not one of the authority; undefined where it is, or where there is no authority. */
  reasonAgainst(certificate: ClientCertificate): string | undefined {
    const state = this.#state
    const before = this.#checked.get(certificate)
    if (before?.state === state) return before.reason
    const reason = this.#find(certificate.x509)
    this.#checked.set(certificate, { state, reason })
    return reason
  }

  /** Throws a bad-request Failure where a certificate is not one of the authority. */
  check(certificate: ClientCertificate): void {
    const reason = this.reasonAgainst(certificate)
    if (reason !== undefined) throw badRequest(`Invalid "certificate": ${reason}`)
  }

  #find(x509: X509Certificate): string | undefined {
    if (!this.enabled) return undefined
    if ('broken' in this.#state) return 'the certificate authority of the server can not be read'
    const now = this.#now()
    const authority = this.#state.find(
      ({ x509: ca }) => x509.checkIssued(ca) && isCurrent(ca, now) && isSignedBy(x509.raw, ca.publicKey),
    )
    if (!authority) return 'it is not signed by the certificate authority of the server'
    const serial = serialOf(x509.raw)
    if (authority.revocations.some(({ serials }) => serials.has(serial))) return 'it has been revoked'
    // Without the extension a certificate may be used for anything (RFC 5280 section 4.2.1.12).
    const usage: readonly string[] | undefined = x509.keyUsage
    if (usage && !usage.includes(clientAuth) && !usage.includes(anyUsage)) return 'it is not one for clients'
    if (hasUnknownExtensions(x509.raw)) return 'it has a critical extension that is not known'
    return undefined
  }

  async #readStamp(): Promise<string> {
    const { authority, revocations } = this.#files
    const stamps = await Promise.all(
      [authority, revocations].map(async (path) => {
        try {
          const { ino, size, mtimeMs, ctimeMs } = await stat(path)
          return [ino, size, mtimeMs, ctimeMs].join(' ')
        } catch (error) {
          return (error as NodeJS.ErrnoException).code ?? ''
        }
      }),
    )
    return stamps.join('\n')
  }

  async #read(): Promise<readonly Authority[]> {
    const { authority, revocations } = this.#files
    const certificates = await readPem(authority, 'CERTIFICATE', (der) => new X509Certificate(der))
    if (!certificates) return []
    const lists = (await readPem(revocations, 'X509 CRL', readRevocationList)) ?? []
    for (const x509 of certificates) {
      if (!x509.ca) throw new Error(`Cannot use "${authority}": it has a certificate that is none of an authority`)
    }
    const authorities = certificates.map((x509) => {
      const subject = subjectOf(x509.raw)
      const own = lists.filter(({ issuer, der }) => issuer.equals(subject) && isSignedBy(der, x509.publicKey))
      return { x509, revocations: own }
    })
    const used = new Set(authorities.flatMap(({ revocations: own }) => own))
    if (lists.some((list) => !used.has(list))) {
      throw new Error(`Cannot use "${revocations}": it is not signed by the certificate authority in "${authority}"`)
    }
    const stale = lists.some(({ nextUpdate }) => nextUpdate && nextUpdate.getTime() < this.#now())
    if (stale) this.#log.warn('The certificate revocation list is out of date', { file: revocations })
    return authorities
  }
}

function isCurrent(x509: X509Certificate, now: number): boolean {
  return x509.validFromDate.getTime() <= now && now <= x509.validToDate.getTime()
}

/** What a file of PEM blocks of one kind has, at least one; undefined where there is no such file. */
async function readPem<T>(path: string, label: string, parse: (der: Buffer) => T): Promise<T[] | undefined> {
  let text
  try {
    text = await readFile(path, 'latin1')
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined
    throw new Error(`Cannot read "${path}"`, { cause: error })
  }
  const pattern = new RegExp(`-----BEGIN ${label}-----([A-Za-z0-9+/=\\s]+)-----END ${label}-----`, 'g')
  const blocks = [...text.matchAll(pattern)]
  if (blocks.length === 0 || blocks.length !== text.split('-----BEGIN ').length - 1) {
    throw new Error(`Cannot read "${path}": expected PEM of ${label} only`)
  }
  try {
    return blocks.map(([, base64 = '']) => parse(Buffer.from(base64, 'base64')))
  } catch (cause) {
    throw new Error(`Cannot read "${path}"`, { cause })
  }
}
