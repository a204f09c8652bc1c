import { explain } from '#base/failure.ts'
import { Locks } from '#base/locks.ts'
import type { Log } from '#base/log.ts'
import { Undo } from '#base/undo.ts'
import { checkConfig, findKey, readConfig, withoutEmpty } from '#config/config.ts'
import type { Config } from '#config/config.ts'
import { serverKeys } from '#config/server-keys.ts'
import type { Events, Requestor } from '#events/events.ts'
import { serverRecords } from '#store/server-record.ts'
import type { Store } from '#store/store.ts'
import type { Applied, ConfigChange, ConfigPart, ServerValues } from './config-part.ts'

export interface ServerConfigOptions {
  readonly store: Store
  readonly events: Events
  readonly log: Log
  /** Told of each change: the names of its keys, and who made it. */
  readonly onChange?: (names: readonly string[], requestor: Requestor | undefined) => void
}

/** What stands for the value of a secret key where configuration is shown, as LXD has it. */
const hidden = 'true'

/** The configuration of the server itself: what `GET /1.0` shows and `PUT /1.0` changes. */
export class ServerConfig {
  readonly #options: ServerConfigOptions
  readonly #records
  readonly #parts: ConfigPart[] = []
  readonly #locks = new Locks()

  constructor(options: ServerConfigOptions) {
    this.#options = options
    this.#records = serverRecords(options.store)
  }

  /** From now on, `part` has its say in changes of its keys. */
  use(part: ConfigPart): void {
    this.#parts.push(part)
  }

  /** As it is stored: for parts of the daemon, not for clients. */
  get(): Config {
    return this.#records.get('global')?.value.config ?? {}
  }

  /** As clients may see it: of a secret no more than that it is set. */
  shown(): Config {
    const entries = Object.entries(this.get())
    return Object.fromEntries(entries.map(([name, value]) => [name, isSecret(name) ? hidden : value]))
  }

  /** What it stands for, defaults filled in. */
  values(): ServerValues {
    return readConfig(serverKeys, this.get())
  }

  /** Puts `config` in the place of what is set; an empty value unsets a key. */
  async replace(config: Config, requestor?: Requestor): Promise<void> {
    await this.update(() => config, requestor)
  }

  /**
   * Puts what `make` gives in the place of what is shown to clients; an empty value unsets a key. One change at a time:
   * what `make` is given, and the ETag it may check, is still true when its result takes effect. The one way
   * configuration is written.
   */
  async update(make: (shown: Config) => Config, requestor?: Requestor): Promise<void> {
    using _ = await this.#locks.take('config')
    const stored = this.#records.get('global')
    const before = stored?.value.config ?? {}
    const change = makeChange(before, unhide(withoutEmpty(make(this.shown())), before))
    const parts = this.#parts.filter(({ keys }) => changedNames(change).some((name) => keys.includes(nameOf(name))))
    for (const part of parts) await part.check?.(change)
    let after = change.after
    for (const part of parts) after = { ...after, ...(await part.seal?.(change)) }

    await using undo = new Undo((what, error) => this.#options.log.error(`Cannot ${what}`, { error: explain(error) }))
    const applied: Applied[] = []
    for (const part of parts) {
      const one = await part.apply?.(change)
      if (!one) continue
      applied.push(one)
      undo.add(`take back the change of ${part.keys.join(', ')}`, () => one.undo())
    }
    await this.#options.store.commit(
      [this.#records.put({ config: after }, 'global')],
      [this.#records.expect(stored?.revision ?? 0, 'global')],
    )
    undo.keep()
    this.#options.onChange?.(changedNames(change), requestor)
    await this.#finish(applied)
    this.#options.events.lifecycle({ action: 'config-updated', source: '/1.0', project: 'default', requestor })
  }

  async #finish(applied: readonly Applied[]): Promise<void> {
    for (const one of applied) {
      try {
        await one.finish?.()
      } catch (error) {
        this.#options.log.error('Cannot finish a change of the configuration', { error: explain(error) })
      }
    }
  }
}

function makeChange(before: Config, after: Config): ConfigChange {
  checkConfig('server', serverKeys, after)
  return {
    before,
    after,
    values: readConfig(serverKeys, after),
    changes: (name) => before[name] !== after[name],
  }
}

/** A client that sends back what it was shown leaves a secret as it is. */
function unhide(config: Config, before: Config): Config {
  const entries = Object.entries(config)
  return Object.fromEntries(
    entries.map(([name, value]) => [name, isSecret(name) && value === hidden ? (before[name] ?? value) : value]),
  )
}

function changedNames({ before, after, changes }: ConfigChange): string[] {
  return [...new Set([...Object.keys(before), ...Object.keys(after)])].filter(changes)
}

/** The name a key is declared by: that of its family, where it belongs to one. */
function nameOf(name: string): string {
  const key = findKey(serverKeys, name)
  return Object.entries(serverKeys).find(([, declared]) => declared === key)?.[0] ?? name
}

function isSecret(name: string): boolean {
  return findKey(serverKeys, name)?.secret === true
}
