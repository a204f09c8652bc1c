import { Records } from './records.ts'
import type { Store } from './store.ts'

/** The server's configuration, under the one name `global`. */
export interface ServerRecord {
  readonly config: Readonly<Record<string, string>>
}

export function serverRecords(store: Store): Records<ServerRecord> {
  return new Records(store, 'server')
}
