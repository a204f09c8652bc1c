import { fdatasync } from 'node:fs'
import { rm } from 'node:fs/promises'
import { promisify } from 'node:util'
import { explain, Failure, unavailable } from '#base/failure.ts'
import type { Log } from '#base/log.ts'
import { auditRecords } from '#store/audit-record.ts'
import type { AuditAnchor } from '#store/audit-record.ts'
import type { Store } from '#store/store.ts'
import type { Warnings } from '#warnings/warnings.ts'
import { AuditFile } from './audit-file.ts'
import type { Known } from './audit-file.ts'
import { origin, seal } from './chain.ts'
import type { Link } from './chain.ts'
import type { AuditEntry } from './entry.ts'
import { listFiles } from './files.ts'

/** What the server's configuration says of the log. */
export interface AuditSettings {
  /** Bytes after which a new file is begun. */
  readonly maxSize: number
  /** How many files are kept, that which is written to included. */
  readonly maxFiles: number
  /** Whether requests that only read are written down, too. */
  readonly reads: boolean
  /** Whether changes are refused while the log can't be written. */
  readonly required: boolean
}

export interface AuditLogOptions {
  /** Where its files are: LXD_DIR/audit. */
  readonly directory: string
  readonly store: Store
  readonly warnings: Warnings
  readonly log: Log
  readonly settings: () => AuditSettings
}

/** The place of an entry in the log: its number, 0 while it isn't written. */
export interface Place {
  readonly sequence: number
}

interface Queued {
  readonly time: string
  readonly entry: () => AuditEntry
  readonly place: { sequence: number }
}

/** How long a line may be in the cache of the system only, in milliseconds. */
const syncWithin = 100

/** How often the store learns how far the log has come, in milliseconds. */
const anchorPause = 1000

/** How often writing is tried again after it failed, in milliseconds. */
const retryPause = 5000

/** How many entries wait in memory while the log can't be written. */
const maxQueue = 1000

const syncData = promisify(fdatasync)

/**
 * The audit log: lines that are only ever appended, each with the hash of the one before it.
 *
 * A line is in the file when `append` returns, and so outlives the daemon; it is on disk, and so outlives the machine,
 * when `durable` resolves. The store is told of the head once a second, so that lines cut off the end are missed.
 */
export class AuditLog implements AsyncDisposable {
  readonly #options: AuditLogOptions
  readonly #records
  #file: AuditFile | undefined
  #known: Known | undefined
  /** What is on disk for certain. */
  #synced: Link = origin
  #first = 1
  #queue: Queued[] = []
  #lost = 0
  #failure: unknown
  #retry: NodeJS.Timeout | undefined
  #syncSoon: NodeJS.Timeout | undefined
  #anchorSoon: NodeJS.Timeout | undefined
  #syncing: Promise<void> | undefined
  #nextSync: Promise<void> | undefined
  #cutting: Promise<void> = Promise.resolve()
  /** Between `start` and the end. */
  #open = false

  constructor(options: AuditLogOptions) {
    this.#options = options
    this.#records = auditRecords(options.store)
  }

  /**
   * Opens the log and records what happened to it since. What was appended before waits for this; where it can't be
   * written, entries wait until it can.
   */
  async start(): Promise<void> {
    const anchor = this.#records.get('head')?.value
    if (anchor) {
      this.#known = anchor
      this.#first = anchor.first
      // From now on lines may follow what the store knows of.
      if (anchor.closed) await this.#commit({ ...anchor, closed: false })
    }
    this.#open = true
    this.append({ event: 'daemon-started', pid: process.pid })
    this.#cutting = this.#cut()
    if (!anchor && this.#file) {
      const [oldest] = await listFiles(this.#options.directory)
      this.#first = oldest?.first ?? this.#file.first
    }
  }

  get settings(): AuditSettings {
    return this.#options.settings()
  }

  /** Adds an entry. Never throws: what can't be written now waits until it can. */
  append(entry: AuditEntry | (() => AuditEntry)): Place {
    const place = { sequence: 0 }
    const time = new Date().toISOString()
    this.#queue.push({ time, entry: typeof entry === 'function' ? entry : () => entry, place })
    if (this.#open) this.#drain()
    return place
  }

  /** Resolves when all that has been appended is on disk, or can't be brought there. */
  async durable(): Promise<void> {
    if (this.#syncing) {
      this.#nextSync ??= this.#syncing.then(() => {
        this.#nextSync = undefined
        return this.#sync()
      })
      return await this.#nextSync
    }
    await this.#sync()
  }

  /** Throws where changes are to be refused, as they can't be written down. */
  checkMayChange(): void {
    if (this.#failure === undefined || !this.settings.required) return
    throw unavailable('Cannot change anything: the audit log cannot be written', { cause: this.#failure })
  }

  /** What the log is to be compared with, up to date: all that was appended before is on disk. */
  async anchor(): Promise<AuditAnchor> {
    await this.durable()
    return { ...this.#synced, first: this.#first, closed: false }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#cutting
    this.append({ event: 'daemon-stopped', pid: process.pid })
    this.#open = false
    for (const timer of [this.#retry, this.#syncSoon, this.#anchorSoon]) clearTimeout(timer)
    await this.durable()
    await this.#cutting
    const closed = this.#file?.head.sequence === this.#synced.sequence
    if (this.#file) await this.#commit({ ...this.#synced, first: this.#first, closed })
    this.#file?.[Symbol.dispose]()
    this.#file = undefined
  }

  #drain(): void {
    try {
      while (this.#queue.length > 0) {
        this.#write(this.#queue[0]!)
        this.#queue.shift()
      }
    } catch (error) {
      this.#fail(error)
      return
    }
    if (this.#failure !== undefined) this.#resume()
    this.#syncSoon ??= setTimeout(() => void this.durable(), syncWithin).unref()
  }

  #write({ time, entry, place }: Queued): void {
    const file = this.#ready()
    const { line, link } = seal(file.head, time, entry())
    const { maxSize } = this.settings
    if (file.size > 0 && file.size + line.length > maxSize) {
      this.#rotate(file)
      this.#write({ time, entry, place })
      return
    }
    file.append(line, link)
    place.sequence = link.sequence
  }

  /** The file to write to. What happened to it behind our back is recorded first. */
  #ready(): AuditFile {
    if (this.#file?.isIntact) return this.#file
    if (this.#file) {
      this.#known = { ...this.#file.head, closed: true }
      this.#close(this.#file)
    }
    const file = new AuditFile(this.#options.directory, this.#known)
    this.#file = file
    this.#synced = file.head
    if (file.torn > 0) this.#note({ event: 'log-recovered', bytes: file.torn })
    if (file.breach) {
      this.#note({ event: 'log-broken', ...file.breach })
      const message = `${file.breach.reason}: expected number ${file.breach.expected}, found ${file.breach.found}`
      this.#options.warnings.raise({ type: 'Audit log has been changed', message })
    }
    return file
  }

  /** Writes what the log has to say of itself, before what else there is to write. */
  #note(entry: AuditEntry): void {
    const file = this.#file!
    const { line, link } = seal(file.head, new Date().toISOString(), entry)
    file.append(line, link)
  }

  #rotate(file: AuditFile): void {
    file.retire()
    this.#known = { ...file.head, closed: true }
    this.#close(file)
    this.#synced = file.head
    this.#cutting = this.#cutting.then(() => this.#cut())
  }

  /** A file may be on its way to the disk still. */
  #close(file: AuditFile): void {
    this.#file = undefined
    void Promise.resolve(this.#syncing).then(() => file[Symbol.dispose]())
  }

  /** Deletes the oldest files beyond those that are to be kept. The store is told first: what it says is kept, is. */
  async #cut(): Promise<void> {
    // What is not cut now is cut after the next start.
    if (!this.#open) return
    try {
      const files = await listFiles(this.#options.directory)
      const doomed = files.slice(0, Math.max(0, files.length - this.settings.maxFiles))
      const oldest = files[doomed.length]
      if (doomed.length === 0 || oldest?.first === undefined) return
      this.#first = oldest.first
      await this.#commit({ ...this.#synced, first: this.#first, closed: false })
      for (const { path } of doomed) await rm(path)
      this.append({ event: 'log-cut', last: oldest.first - 1 })
    } catch (error) {
      this.#options.log.error('Cannot delete old files of the audit log', { error: explain(error) })
    }
  }

  #fail(error: unknown): void {
    if (this.#queue.length > maxQueue) {
      this.#lost += this.#queue.length - maxQueue
      this.#queue.splice(maxQueue)
    }
    const { warnings, log } = this.#options
    if (this.#failure === undefined) log.error('Cannot write the audit log', { error: explain(error) })
    this.#failure = error
    warnings.raise({ type: 'Audit log cannot be written', message: explain(error) })
    this.#retry ??= setTimeout(() => {
      this.#retry = undefined
      if (this.#open) this.#drain()
    }, retryPause).unref()
  }

  #resume(): void {
    this.#failure = undefined
    this.#options.warnings.resolve('Audit log cannot be written')
    this.#options.log.info('The audit log can be written again', { lost: this.#lost })
    const lost = this.#lost
    this.#lost = 0
    this.append({ event: 'log-resumed', lost })
  }

  async #sync(): Promise<void> {
    clearTimeout(this.#syncSoon)
    this.#syncSoon = undefined
    const file = this.#file
    if (!file || file.head.sequence === this.#synced.sequence) return
    const { head } = file
    this.#syncing = syncData(file.descriptor).then(
      () => {
        this.#syncing = undefined
        if (head.sequence > this.#synced.sequence) this.#synced = head
        this.#anchorLater()
      },
      (error: unknown) => {
        this.#syncing = undefined
        this.#fail(error)
      },
    )
    await this.#syncing
  }

  #anchorLater(): void {
    if (!this.#open) return
    this.#anchorSoon ??= setTimeout(() => {
      this.#anchorSoon = undefined
      void this.#commit({ ...this.#synced, first: this.#first, closed: false })
    }, anchorPause).unref()
  }

  async #commit(anchor: AuditAnchor): Promise<void> {
    const { sequence, hash, first, closed } = anchor
    try {
      await this.#options.store.commit([this.#records.put({ sequence, hash, first, closed }, 'head')])
    } catch (error) {
      if (error instanceof Failure && error.kind === 'unavailable') return
      this.#options.log.error('Cannot note how far the audit log has come', { error: explain(error) })
    }
  }
}
