import type { DevicesConfig } from './instance-record.ts'
import { Records } from './records.ts'
import type { Store } from './store.ts'

export interface ProfileRecord {
  readonly project: string
  readonly name: string
  readonly description: string
  readonly config: Readonly<Record<string, string>>
  readonly devices: DevicesConfig
}

export function profileRecords(store: Store): Records<ProfileRecord> {
  return new Records(store, 'profiles')
}
