import { Records } from './records.ts'
import type { Store } from './store.ts'

export interface PoolRecord {
  readonly name: string
  readonly driver: string
  readonly description: string
  readonly config: Readonly<Record<string, string>>
  /** A pool that is not `ready` when the daemon starts was half made or half deleted, and is removed. */
  readonly phase: 'creating' | 'ready' | 'deleting'
}

export function poolRecords(store: Store): Records<PoolRecord> {
  return new Records(store, 'storage-pools')
}
