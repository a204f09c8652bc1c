import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { kindOf } from '#base/failure.ts'
import { openSqliteStore } from '#store/sqlite.ts'
import type { Store } from '#store/store.ts'

/**
 * The store of a daemon that does not run: `busy` where it runs, and keeps its store to itself, `missing` where none has
 * run yet. `directory` is LXD_DIR.
 */
export function openIdleStore(directory: string): Store | 'busy' | 'missing' {
  const file = join(directory, 'database', 'lxd.db')
  if (!existsSync(file)) return 'missing'
  try {
    return openSqliteStore(file)
  } catch (error) {
    if (kindOf(error) === 'conflict') return 'busy'
    throw error
  }
}
