import { Records } from './records.ts'
import type { Store } from './store.ts'

/** Something an administrator should know of. Found by its UUID. */
export interface WarningRecord {
  readonly uuid: string
  /** What it is about, in a few words that never change: one of `warnings/warning-types.ts`. */
  readonly type: string
  /** Empty where it belongs to no project. */
  readonly project: string
  /** The URL of what is affected; empty where it is the server. */
  readonly entity: string
  readonly severity: 'low' | 'moderate' | 'high'
  readonly status: 'new' | 'acknowledged' | 'resolved'
  /** What was said when it was last raised. */
  readonly message: string
  readonly count: number
  readonly firstSeenAt: string
  readonly lastSeenAt: string
  /** When it was last raised, acknowledged or resolved. */
  readonly updatedAt: string
}

export function warningRecords(store: Store): Records<WarningRecord> {
  return new Records(store, 'warnings')
}
