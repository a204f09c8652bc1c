import { Records } from './records.ts'
import type { Store } from './store.ts'

/** Devices by name, each a map of its keys. */
export type DevicesConfig = Readonly<Record<string, Readonly<Record<string, string>>>>

/** An instance as stored: what the user configured, and the `volatile.*` keys the daemon keeps. */
export interface InstanceRecord {
  readonly project: string
  readonly name: string
  readonly type: 'container' | 'virtual-machine'
  readonly architecture: string
  readonly description: string
  readonly config: Readonly<Record<string, string>>
  readonly devices: DevicesConfig
  readonly profiles: readonly string[]
  readonly ephemeral: boolean
  readonly stateful: boolean
  /** The pool its root volume is in, set when the volume is created. */
  readonly pool: string
  readonly createdAt: string
  /** The zero time `1970-01-01T00:00:00Z` until it was first started. */
  readonly lastUsedAt: string
  /** `creating` and `deleting` are half-made: the next start of the daemon removes them. */
  readonly phase: 'creating' | 'ready' | 'deleting'
}

export function instanceRecords(store: Store): Records<InstanceRecord> {
  return new Records(store, 'instances')
}
