import { Records } from './records.ts'
import type { Store } from './store.ts'

export interface NetworkRecord {
  readonly project: string
  readonly name: string
  readonly type: string
  readonly description: string
  readonly config: Readonly<Record<string, string>>
  /** The address of its link where the configuration sets none: made once, so that guests find it unchanged. */
  readonly hwaddr: string
  /** `creating` and `deleting` are half-made: the next start of the daemon removes them. */
  readonly phase: 'creating' | 'ready' | 'deleting'
}

export function networkRecords(store: Store): Records<NetworkRecord> {
  return new Records(store, 'networks')
}
