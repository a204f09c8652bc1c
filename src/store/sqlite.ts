import { DatabaseSync } from 'node:sqlite'
import { Failure } from '#base/failure.ts'
import type { Change, Changed, Compare, Entry, Json, Store } from './store.ts'
import { View } from './view.ts'

/** SQLite's code for a file that another process has locked (https://www.sqlite.org/rescode.html#busy). */
const busy = 5

/** The layout of the file this program writes. A file with a higher number is refused. */
const schemaVersion = 1

interface Pending {
  readonly changes: readonly Change[]
  readonly compare: readonly Compare[]
  resolve(revision: number): void
  reject(error: unknown): void
}

/**
 * Opens, or makes, the store kept in the SQLite file `file`; `:memory:` keeps it nowhere.
 *
 * Write-ahead log with full synchronisation: a commit that resolved survives a power cut. Throws where the file was
 * written by a newer version.
 */
export function openSqliteStore(file: string): Store {
  const database = new DatabaseSync(file)
  try {
    prepare(database)
    return new SqliteStore(database)
  } catch (error) {
    database.close()
    if ((error as { errcode?: unknown }).errcode !== busy) throw error
    throw new Failure('conflict', `Cannot open the database "${file}": LXD is already running`, { cause: error })
  }
}

function prepare(database: DatabaseSync): void {
  // Exclusive before anything else: then SQLite needs no shared memory file, which a full disk may have no space for.
  database.exec('PRAGMA locking_mode = EXCLUSIVE; PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL')
  const version = Number(database.prepare('PRAGMA user_version').get()?.['user_version'])
  if (version > schemaVersion) {
    throw new Failure(
      'internal',
      `Cannot open the database: its schema version is ${version}, this program knows up to ${schemaVersion}`,
    )
  }
  // Opening what is there already writes nothing.
  if (version === schemaVersion) return
  database.exec(`
    BEGIN IMMEDIATE;
    CREATE TABLE IF NOT EXISTS entries (key TEXT PRIMARY KEY, value TEXT NOT NULL, revision INTEGER NOT NULL) WITHOUT ROWID;
    CREATE TABLE IF NOT EXISTS counter (revision INTEGER NOT NULL);
    INSERT INTO counter SELECT 0 WHERE NOT EXISTS (SELECT 1 FROM counter);
    PRAGMA user_version = ${schemaVersion};
    COMMIT`)
}

class SqliteStore implements Store {
  readonly #database: DatabaseSync
  readonly #view = new View()
  readonly #put
  readonly #delete
  readonly #count
  #revision: number
  #queue: Pending[] = []
  #closed = false

  constructor(database: DatabaseSync) {
    this.#database = database
    this.#put = database.prepare('INSERT OR REPLACE INTO entries (key, value, revision) VALUES (?, ?, ?)')
    this.#delete = database.prepare('DELETE FROM entries WHERE key = ?')
    this.#count = database.prepare('UPDATE counter SET revision = ?')
    this.#revision = Number(database.prepare('SELECT revision FROM counter').get()?.['revision'])
    for (const row of database.prepare('SELECT key, value, revision FROM entries').iterate()) {
      const value = JSON.parse(String(row['value'])) as Json
      this.#view.apply([{ type: 'put', key: String(row['key']), value }], Number(row['revision']))
    }
  }

  get revision(): number {
    return this.#revision
  }

  get(key: string): Entry | undefined {
    return this.#view.get(key)
  }

  holds(compare: readonly Compare[]): boolean {
    return this.#view.holds(compare)
  }

  list(prefix: string): readonly Entry[] {
    return this.#view.list(prefix)
  }

  watch(prefix: string, listener: (changed: Changed) => void): Disposable {
    return this.#view.watch(prefix, listener)
  }

  commit(changes: readonly Change[], compare: readonly Compare[] = []): Promise<number> {
    if (this.#closed) return Promise.reject(new Failure('unavailable', 'Cannot write: the database is closed'))
    const { promise, resolve, reject } = Promise.withResolvers<number>()
    this.#queue.push({ changes, compare, resolve, reject })
    // Commits that come in the same turn share one transaction, and so one sync of the disk.
    if (this.#queue.length === 1) setImmediate(() => this.#flush())
    return promise
  }

  #flush(): void {
    const queue = this.#queue
    this.#queue = []
    // One after the other into one transaction; the view moves along, so that each sees what came before it. Should
    // the transaction fail, the view is ahead of the disk: it is put back from there.
    const written: { pending: Pending; revision: number }[] = []
    const touched = new Map<string, Entry | undefined>()
    const before = this.#revision
    try {
      this.#database.exec('BEGIN IMMEDIATE')
      for (const pending of queue) {
        try {
          this.#view.check(pending.compare)
        } catch (error) {
          pending.reject(error)
          continue
        }
        const revision = ++this.#revision
        for (const { key } of pending.changes) if (!touched.has(key)) touched.set(key, this.#view.get(key))
        this.#write(pending.changes, revision)
        written.push({ pending, revision })
        this.#view.apply(pending.changes, revision)
      }
      this.#count.run(this.#revision)
      this.#database.exec('COMMIT')
    } catch (cause) {
      this.#takeBack(touched, before)
      const error = new Failure('internal', 'Cannot write to the database', { cause })
      for (const pending of queue) pending.reject(error)
      return
    }
    for (const { pending, revision } of written) pending.resolve(revision)
  }

  #write(changes: readonly Change[], revision: number): void {
    for (const change of changes) {
      if (change.type === 'put') this.#put.run(change.key, JSON.stringify(change.value), revision)
      else this.#delete.run(change.key)
    }
  }

  #takeBack(touched: ReadonlyMap<string, Entry | undefined>, revision: number): void {
    this.#revision = revision
    if (this.#database.isTransaction) this.#database.exec('ROLLBACK')
    for (const [key, entry] of touched) {
      if (entry) this.#view.apply([{ type: 'put', key, value: entry.value }], entry.revision)
      else this.#view.apply([{ type: 'delete', key }], revision)
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    if (this.#closed) return
    if (this.#queue.length > 0) this.#flush()
    this.#closed = true
    this.#database.close()
  }
}
