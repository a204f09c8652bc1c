import { Records } from './records.ts'
import type { Store } from './store.ts'

/** The groups that members of a group of the identity provider are in. Found by the provider's name for its group. */
export interface IdentityProviderGroupRecord {
  readonly name: string
  /** Names of groups, in order. */
  readonly groups: readonly string[]
}

export function identityProviderGroupRecords(store: Store): Records<IdentityProviderGroupRecord> {
  return new Records(store, 'identity-provider-groups')
}
