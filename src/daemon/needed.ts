import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { parseBool } from '#config/key.ts'
import { instanceRecords, type InstanceRecord } from '#store/instance-record.ts'
import { profileRecords } from '#store/profile-record.ts'
import { openSqliteStore } from '#store/sqlite.ts'
import type { Store } from '#store/store.ts'

/** What SQLite answers while another process has the file locked (sqlite.org/rescode.html). */
const SQLITE_BUSY = 5

/**
 * Whether a daemon would have something to do once started: an instance that starts by itself, one that ran when the
 * daemon last ended, or one that is half made. A daemon that runs already is not needed. `directory` is LXD_DIR.
 */
export async function isDaemonNeeded(directory: string): Promise<boolean> {
  const file = join(directory, 'database', 'lxd.db')
  if (!existsSync(file)) return false
  await using store = openUnlessLocked(file)
  if (store === undefined) return false
  return instanceRecords(store)
    .list()
    .some(({ value }) => value.phase !== 'ready' || startsByItself(store, value))
}

/** A running daemon keeps its store to itself. */
function openUnlessLocked(file: string): Store | undefined {
  try {
    return openSqliteStore(file)
  } catch (error) {
    if (error instanceof Error && 'errcode' in error && error.errcode === SQLITE_BUSY) return undefined
    throw error
  }
}

function startsByItself(store: Store, { config, profiles, project }: InstanceRecord): boolean {
  const profileConfigs = profiles.map((name) => profileRecords(store).get(project, name)?.value.config)
  // Later profiles win over earlier ones, and the instance over all of them.
  const autostart = [...profileConfigs, config].map((one) => one?.['boot.autostart']).findLast((value) => value)
  return autostart === undefined ? config['volatile.last_state.power'] === 'RUNNING' : parseBool(autostart)
}
