import { Records } from './records.ts'
import type { Store } from './store.ts'

/** What is kept of someone who may use the API. Found by method and id. */
export interface IdentityRecord {
  readonly method: 'unix' | 'tls' | 'oidc'
  /**
   * `user:NAME`, `group:NAME`, `uid:NUMBER` or `gid:NUMBER`; the fingerprint of a certificate in the trust store; the
   * e-mail address or subject that a provider's tokens name.
   */
  readonly id: string
  /** For people to read; empty where nobody gave one. */
  readonly name: string
  /** Names of groups, in order. */
  readonly groups: readonly string[]
}

export function identityRecords(store: Store): Records<IdentityRecord> {
  return new Records(store, 'identities')
}
