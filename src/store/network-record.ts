import { Records } from './records.ts'
import type { Store } from './store.ts'

export interface NetworkRecord {
  readonly project: string
  readonly name: string
  readonly type: string
  readonly description: string
  readonly config: Readonly<Record<string, string>>
}

export function networkRecords(store: Store): Records<NetworkRecord> {
  return new Records(store, 'networks')
}
