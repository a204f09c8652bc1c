import type { Socket } from 'node:net'
import type { CertificateRecord } from '#store/certificate-record.ts'
import type { ClientCertificate } from './client-certificate.ts'
import type { Groups } from './groups.ts'
import type { Grant, Identity } from './identity.ts'
import { stranger } from './identity.ts'
import { peerCertificate } from './peer-certificate.ts'
import type { Pki } from './pki.ts'
import type { TrustStore } from './trust-store.ts'

export interface RemoteClientsOptions {
  readonly trust: Pick<TrustStore, 'get'>
  readonly groups: Pick<Groups, 'grantsFor'>
  readonly pki: Pick<Pki, 'enabled' | 'reasonAgainst'>
  /** Whether every certificate of the authority is that of an administrator (`core.trust_ca_certificates`). */
  readonly trustAuthority: () => boolean
  /** Told once for each connection whose certificate is known and yet does not count. */
  readonly onRefused: (refused: {
    readonly address: string
    readonly fingerprint: string
    readonly reason: string
  }) => void
  readonly now?: () => number
}

/** What a certificate is now: what it is trusted with, or why it does not count; undefined where nobody knows it. */
type Standing = { readonly record: CertificateRecord | undefined } | { readonly reason: string } | undefined

/** Who the clients of TLS connections are, by the certificates they show. */
export class RemoteClients {
  readonly #options: RemoteClientsOptions
  readonly #now: () => number
  readonly #refused = new WeakSet<Socket>()

  constructor(options: RemoteClientsOptions) {
    this.#options = options
    this.#now = options.now ?? Date.now
  }

  /** Who the client at the other end of a TLS connection is. */
  identify(socket: Socket, address: string): Identity {
    const certificate = peerCertificate(socket)
    const standing = certificate && this.#standing(certificate)
    if (!certificate) return stranger(address)
    const { fingerprint } = certificate
    if (!standing) return { ...stranger(address), peer: { address, certificate: fingerprint } }
    if ('reason' in standing) {
      if (!this.#refused.has(socket)) this.#options.onRefused({ address, fingerprint, reason: standing.reason })
      this.#refused.add(socket)
      return stranger(address)
    }
    const isClient = (standing.record?.type ?? 'client') === 'client'
    const memberships = { ids: isClient ? [fingerprint] : [], providerGroups: [] }
    const grants = () => this.#grants(certificate, memberships)
    return {
      method: 'tls',
      id: fingerprint,
      trusted: isClient,
      // Asked for anew each time: what is taken from a client is gone on connections that it has open, too.
      get grants() {
        return grants()
      },
      memberships,
      requestor: { username: fingerprint, protocol: 'tls', address },
      peer: { address },
    }
  }

  #grants(certificate: ClientCertificate, memberships: Identity['memberships']): readonly Grant[] {
    const standing = this.#standing(certificate)
    if (!standing || 'reason' in standing) return []
    const own = standing.record ? grantsOfCertificate(standing.record) : [{ role: 'admin' as const }]
    return [...own, ...this.#options.groups.grantsFor('tls', memberships)]
  }

  #standing(certificate: ClientCertificate): Standing {
    const { trust, pki, trustAuthority } = this.#options
    const record = trust.get(certificate.fingerprint)
    if (!record && !(pki.enabled && trustAuthority())) return undefined
    const reason = this.#reasonAgainst(certificate)
    return reason === undefined ? { record } : { reason }
  }

  /** Conditions that hold for every certificate, in the trust store or not. */
  #reasonAgainst(certificate: ClientCertificate): string | undefined {
    const now = this.#now()
    if (!(now >= certificate.validFrom)) return "it isn't valid yet"
    if (!(now <= certificate.validTo)) return 'it is expired'
    return this.#options.pki.reasonAgainst(certificate)
  }
}

/** What a certificate is trusted with. That of another server counts for nothing until there are clusters. */
export function grantsOfCertificate({ type, restricted, projects }: CertificateRecord): readonly Grant[] {
  if (type === 'server') return []
  const role = type === 'metrics' ? 'metrics' : restricted ? 'project_manager' : 'admin'
  return restricted ? projects.map((project) => ({ role, project })) : [{ role }]
}
