import { Records } from './records.ts'
import type { Store } from './store.ts'

/** A group of identities and what its members may do. Found by its name. */
export interface AuthGroupRecord {
  readonly name: string
  readonly description: string
  /** A role in a project or, without one, for the server. */
  readonly grants: readonly {
    readonly role: 'viewer' | 'operator' | 'project_manager' | 'admin'
    readonly project?: string
  }[]
}

export function authGroupRecords(store: Store): Records<AuthGroupRecord> {
  return new Records(store, 'auth-groups')
}
