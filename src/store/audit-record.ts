import { Records } from './records.ts'
import type { Store } from './store.ts'

/** How far the audit log had come: what its files are compared with, which whoever cuts them may not think of. */
export interface AuditAnchor {
  /** The number and the hash of the newest line known to be on disk. */
  readonly sequence: number
  readonly hash: string
  /** The number of the oldest line that is kept. */
  readonly first: number
  /** Whether nothing was to follow: the daemon was stopped then, and not killed. */
  readonly closed: boolean
}

/** Its only record is `head`. */
export function auditRecords(store: Store): Records<AuditAnchor> {
  return new Records(store, 'audit')
}
