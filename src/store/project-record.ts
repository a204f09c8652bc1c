import { Records } from './records.ts'
import type { Store } from './store.ts'

export interface ProjectRecord {
  readonly name: string
  readonly description: string
  readonly config: Readonly<Record<string, string>>
}

export function projectRecords(store: Store): Records<ProjectRecord> {
  return new Records(store, 'projects')
}
