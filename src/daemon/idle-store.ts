import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { openSqliteStore } from '#store/sqlite.ts'
import type { Store } from '#store/store.ts'

/** What SQLite answers while another process has the file locked (sqlite.org/rescode.html). */
const SQLITE_BUSY = 5

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
    if (error instanceof Error && 'errcode' in error && error.errcode === SQLITE_BUSY) return 'busy'
    throw error
  }
}
