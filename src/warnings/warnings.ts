import { badRequest, explain, Failure, forbidden, notFound } from '#base/failure.ts'
import { newUuid } from '#base/id.ts'
import type { Log } from '#base/log.ts'
import type { Events, Requestor } from '#events/events.ts'
import { warningRecords } from '#store/warning-record.ts'
import type { WarningRecord } from '#store/warning-record.ts'
import type { Store } from '#store/store.ts'
import { warningTypes } from './warning-types.ts'
import type { WarningType } from './warning-types.ts'

/** Something to warn of. Warnings of one type about one entity are one warning, which counts. */
export interface Warning {
  readonly type: WarningType
  /** How bad it is, where that is not what the type says. */
  readonly severity?: WarningRecord['severity']
  readonly project?: string
  /** The URL of what is affected, where it isn't the server: `/1.0/networks/lxdbr0`. */
  readonly entity?: string
  readonly message: string
}

/** The most characters of a message that are kept. */
const maxMessage = 4096

/** How often a warning that is raised again and again is written, in milliseconds. */
const writePause = 1000

/** How long a resolved warning can still be looked at, in milliseconds. LXD's time. */
const keepResolvedFor = 24 * 3_600_000

interface Pending extends Warning {
  readonly count: number
  readonly at: string
}

/**
 * What administrators should know of: raised by the parts of the daemon, resolved once it is over, acknowledged by
 * whoever has seen it.
 */
export class Warnings {
  readonly #store: Store
  readonly #events: Events
  readonly #log: Log
  readonly #records
  readonly #now: () => number
  readonly #pending = new Map<string, Pending>()
  #timer: NodeJS.Timeout | undefined
  // Writes go one after the other: each builds on what the one before it left.
  #writes: Promise<unknown> = Promise.resolve()

  constructor(options: {
    readonly store: Store
    readonly events: Events
    readonly log: Log
    readonly now?: () => number
  }) {
    this.#store = options.store
    this.#events = options.events
    this.#log = options.log
    this.#records = warningRecords(options.store)
    this.#now = options.now ?? Date.now
  }

  /** Tells of something, from anywhere and at once; it is written soon after. Never throws. */
  raise(warning: Warning): void {
    const key = keyOf(warning)
    const message = warning.message.slice(0, maxMessage)
    const before = this.#pending.get(key)
    this.#pending.set(key, { ...warning, message, count: (before?.count ?? 0) + 1, at: this.#time() })
    if (before) return
    const known = this.#find(warning)
    this.#log.warn(`Warning: ${warning.type}`, { message, entity: warning.entity, project: warning.project })
    if (!known || known.status === 'resolved') this.#soon(0)
    else this.#soon(writePause)
  }

  /** Ends the warning of a type about an entity; without an entity, all of the type. Never throws. */
  resolve(type: WarningType, entity?: string): void {
    const concerns = (one: { readonly type: string; readonly entity?: string }): boolean =>
      one.type === type && (entity === undefined || (one.entity ?? '') === entity)
    this.#resolveWhere(concerns, (pending) => concerns(pending))
  }

  /** Ends what was last raised before `time`, in milliseconds since 1970: what an earlier run of the daemon met. */
  resolveOlderThan(time: number): void {
    this.#resolveWhere(
      ({ lastSeenAt }) => Date.parse(lastSeenAt) < time,
      () => false,
    )
  }

  /** All warnings, or those of a project. */
  list(project?: string): readonly WarningRecord[] {
    const all = this.#records.list().map(({ value }) => value)
    return project === undefined ? all : all.filter((one) => one.project === project)
  }

  get(uuid: string): WarningRecord {
    const found = this.#records.get(uuid)
    if (!found) throw notFound('Warning not found')
    return found.value
  }

  /** Sets what a client may set: that a warning was seen, or is new again. */
  async setStatus(uuid: string, status: string, requestor?: Requestor): Promise<void> {
    this.get(uuid)
    if (status === 'resolved') throw forbidden('Status may only be set to "acknowledged" or "new"')
    if (status !== 'acknowledged' && status !== 'new') {
      throw badRequest(`Invalid "status" ${JSON.stringify(status)}: expected "acknowledged" or "new"`)
    }
    await this.#write(async () => {
      const after: WarningRecord = { ...this.get(uuid), status, updatedAt: this.#time() }
      await this.#store.commit([this.#records.put(after, uuid)])
    })
    this.#tell(status === 'acknowledged' ? 'warning-acknowledged' : 'warning-reset', uuid, requestor)
  }

  async delete(uuid: string, requestor?: Requestor): Promise<void> {
    await this.#write(async () => {
      this.get(uuid)
      await this.#store.commit([this.#records.delete(uuid)])
    })
    this.#tell('warning-deleted', uuid, requestor)
  }

  /** Deletes what has been resolved for a day. To be called now and then. */
  async prune(): Promise<void> {
    const limit = this.#now() - keepResolvedFor
    await this.#write(async () => {
      const old = this.list().filter(({ status, updatedAt }) => status === 'resolved' && Date.parse(updatedAt) < limit)
      if (old.length > 0) await this.#store.commit(old.map(({ uuid }) => this.#records.delete(uuid)))
    })
  }

  /** Writes what was raised and is not written yet. */
  async flush(): Promise<void> {
    clearTimeout(this.#timer)
    this.#timer = undefined
    await this.#quietly(async () => {
      const raised = [...this.#pending.values()]
      this.#pending.clear()
      if (raised.length === 0) return
      await this.#store.commit(raised.map((warning) => this.#records.put(...this.#raised(warning))))
    })
  }

  #raised(warning: Pending): [WarningRecord, string] {
    const { type, project = '', entity = '', message, count, at } = warning
    const before = this.#find(warning)
    const uuid = before?.uuid ?? newUuid()
    const after: WarningRecord = {
      uuid,
      type,
      project,
      entity,
      severity: warning.severity ?? warningTypes[type],
      status: before && before.status !== 'resolved' ? before.status : 'new',
      message,
      count: (before?.count ?? 0) + count,
      firstSeenAt: before?.firstSeenAt ?? at,
      lastSeenAt: at,
      updatedAt: at,
    }
    return [after, uuid]
  }

  #resolveWhere(written: (record: WarningRecord) => boolean, pending: (warning: Pending) => boolean): void {
    for (const [key, warning] of this.#pending) if (pending(warning)) this.#pending.delete(key)
    const open = (): WarningRecord[] => this.list().filter((one) => one.status !== 'resolved' && written(one))
    void this.#quietly(async () => {
      const over = open().map((one) => ({ ...one, status: 'resolved' as const, updatedAt: this.#time() }))
      if (over.length > 0) await this.#store.commit(over.map((one) => this.#records.put(one, one.uuid)))
    })
  }

  #soon(pause: number): void {
    if (this.#timer && pause > 0) return
    clearTimeout(this.#timer)
    this.#timer = setTimeout(() => void this.flush(), pause)
    this.#timer.unref()
  }

  #find(warning: Pick<Warning, 'type' | 'project' | 'entity'>): WarningRecord | undefined {
    const key = keyOf(warning)
    return this.list().find((one) => keyOf(one) === key)
  }

  #write<T>(work: () => Promise<T>): Promise<T> {
    const written = this.#writes.then(work)
    this.#writes = written.catch(() => {})
    return written
  }

  async #quietly(work: () => Promise<void>): Promise<void> {
    try {
      await this.#write(work)
    } catch (error) {
      // A closed store: the daemon is stopping. What still holds is raised again by the next start.
      if (error instanceof Failure && error.kind === 'unavailable') return
      this.#log.error('Cannot write warnings', { error: explain(error) })
    }
  }

  #time(): string {
    return new Date(this.#now()).toISOString()
  }

  #tell(action: string, uuid: string, requestor: Requestor | undefined): void {
    this.#events.lifecycle({ action, source: `/1.0/warnings/${uuid}`, project: 'default', requestor })
  }
}

function keyOf({ type, project = '', entity = '' }: Pick<WarningRecord, 'type'> & Partial<WarningRecord>): string {
  return JSON.stringify([type, project, entity])
}
