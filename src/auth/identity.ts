import type { Requestor } from '#events/events.ts'

/** What someone may be given, for the server or for one project. docs/explanation/access.md says what each may do. */
export const roles = ['viewer', 'operator', 'project_manager', 'admin'] as const

export type Role = (typeof roles)[number]

/** A role that someone holds: in one project or, without one, on the server and in every project. */
export interface Grant {
  /** `metrics` is what a certificate of that type has; it can't be given otherwise. */
  readonly role: Role | 'metrics'
  readonly project?: string
}

/** By what someone can be in groups. */
export interface Memberships {
  /** The ids under which they can be known; a local user has several: its own and those of its groups. */
  readonly ids: readonly string[]
  /** What the identity provider says they are in. */
  readonly providerGroups: readonly string[]
}

/** Who sends a request. What it may do is read when it is asked for: what is withdrawn is so at once. */
export interface Identity {
  /** How it was proved; `none` where nothing was. */
  readonly method: 'none' | 'unix' | 'tls' | 'oidc'
  /** The user's name, the fingerprint of the certificate or the subject of the token. Empty for a stranger. */
  readonly id: string
  /**
   * Whether the server knows the client. What it may do, its grants tell; a known one may have none. One with a
   * certificate for metrics is not known.
   */
  readonly trusted: boolean
  readonly grants: readonly Grant[]
  readonly memberships: Memberships
  /** Who it is, as events tell it. */
  readonly requestor: Requestor
  /** Where the request comes from: a network address, or `@` and the process at the other end of a Unix socket. */
  readonly peer: {
    readonly address: string
    readonly uid?: number
    readonly pid?: number
    /** The fingerprint of a certificate that nobody knows. */
    readonly certificate?: string
  }
}

/** In no group. */
export const noMemberships: Memberships = { ids: [], providerGroups: [] }

/** A client nobody knows. */
export function stranger(address: string): Identity {
  return {
    method: 'none',
    id: '',
    trusted: false,
    grants: [],
    memberships: noMemberships,
    requestor: { username: '', protocol: 'tls', address },
    peer: { address },
  }
}

/** The same client, which may see metrics as well. */
export function withMetrics(identity: Identity): Identity {
  return { ...identity, grants: [...identity.grants, { role: 'metrics' }] }
}
