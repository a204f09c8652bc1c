import { instanceRecords } from '#store/instance-record.ts'
import type { InstanceRecord } from '#store/instance-record.ts'
import type { Changed, Store } from '#store/store.ts'
import type { Warnings } from '#warnings/warnings.ts'
import type { InstanceCommit } from './commit.ts'
import { isPrivileged } from './is-privileged.ts'
import { instanceUrl } from './lifecycle.ts'

const type = 'Instance is privileged'

/**
 * Warns of each privileged instance for as long as it is one, however it became that: its own configuration, a profile
 * of its, or what an earlier daemon left.
 */
export class PrivilegedWarnings implements Disposable {
  readonly #records
  readonly #commit: Pick<InstanceCommit, 'list' | 'expand'>
  readonly #warnings: Pick<Warnings, 'raise' | 'resolve'>
  readonly #watches: readonly Disposable[]
  /** The instances warned of: their URLs, by the keys of their records. */
  readonly #warned = new Map<string, string>()
  #due: NodeJS.Immediate | undefined

  constructor(options: {
    readonly store: Store
    readonly commit: Pick<InstanceCommit, 'list' | 'expand'>
    readonly warnings: Pick<Warnings, 'raise' | 'resolve'>
  }) {
    this.#records = instanceRecords(options.store)
    this.#commit = options.commit
    this.#warnings = options.warnings
    this.#watches = [
      options.store.watch(this.#records.prefix, (changed) => this.#changed(changed)),
      // Once for all profiles that are written at a time.
      options.store.watch('/profiles/', () => {
        this.#due ??= setImmediate(() => {
          this.#due = undefined
          this.look()
        })
      }),
    ]
  }

  /** Looks at all instances: what no longer holds ends, what is new is raised. */
  look(): void {
    for (const record of this.#commit.list()) this.#lookAt(this.#records.key(record.project, record.name), record)
  }

  #changed({ key, entry }: Changed): void {
    if (entry) return this.#lookAt(key, entry.value as unknown as InstanceRecord)
    const entity = this.#warned.get(key)
    if (entity !== undefined) this.#warnings.resolve(type, entity)
    this.#warned.delete(key)
  }

  #lookAt(key: string, record: InstanceRecord): void {
    const { project, name } = record
    const entity = instanceUrl(project, name)
    const privileged = isPrivileged(this.#commit.expand(record).config)
    if (privileged === this.#warned.has(key)) return
    if (privileged) {
      this.#warned.set(key, entity)
      const message = `Instance "${name}" is privileged: root inside is root of the host. It is not root safe; keep it for those who are trusted with the host`
      this.#warnings.raise({ type, project, entity, message })
    } else {
      this.#warned.delete(key)
      this.#warnings.resolve(type, entity)
    }
  }

  [Symbol.dispose](): void {
    clearImmediate(this.#due)
    for (const watch of this.#watches) watch[Symbol.dispose]()
  }
}
