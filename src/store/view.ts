import { conflict } from '#base/failure.ts'
import type { Change, Changed, Compare, Entry, Json } from './store.ts'

interface Watcher {
  readonly prefix: string
  readonly listener: (changed: Changed) => void
}

function freeze(value: Json): Json {
  if (typeof value !== 'object' || value === null || Object.isFrozen(value)) return value
  for (const child of Object.values(value)) if (child !== undefined) freeze(child as Json)
  return Object.freeze(value)
}

/** The whole state in memory, ordered by key: what every read is answered from. */
export class View {
  readonly #entries = new Map<string, Entry>()
  readonly #watchers = new Set<Watcher>()
  // Sorted when first listed after a key came or went: lists are many, changes of the set of keys few.
  #sorted: string[] | undefined

  get(key: string): Entry | undefined {
    return this.#entries.get(key)
  }

  list(prefix: string): Entry[] {
    this.#sorted ??= [...this.#entries.keys()].sort()
    const found: Entry[] = []
    for (let at = lowerBound(this.#sorted, prefix); at < this.#sorted.length; at++) {
      const key = this.#sorted[at] ?? ''
      if (!key.startsWith(prefix)) break
      const entry = this.#entries.get(key)
      if (entry) found.push(entry)
    }
    return found
  }

  /** Throws a `conflict` Failure where something in `compare` does not hold. */
  check(compare: readonly Compare[]): void {
    for (const one of compare) {
      if ('noneBelow' in one) {
        if (this.list(one.noneBelow).length === 0) continue
        throw conflict(`Cannot write: something is below "${one.noneBelow}"`)
      }
      if ('unchangedBelow' in one) {
        const changed = this.list(one.unchangedBelow).find(({ revision }) => revision > one.since)
        if (!changed) continue
        throw conflict(`Cannot write: "${changed.key}" has changed meanwhile`)
      }
      const { key, revision } = one
      const now = this.#entries.get(key)?.revision ?? 0
      if (now !== revision) {
        throw conflict(
          revision === 0
            ? `Cannot create "${key}": it exists already`
            : `Cannot write "${key}": it has changed meanwhile`,
        )
      }
    }
  }

  /** Whether everything in `compare` holds. */
  holds(compare: readonly Compare[]): boolean {
    try {
      this.check(compare)
      return true
    } catch {
      return false
    }
  }

  /** Takes over changes that are on disk, and tells the watchers. */
  apply(changes: readonly Change[], revision: number): void {
    const changed: Changed[] = []
    for (const change of changes) {
      const known = this.#entries.has(change.key)
      if (change.type === 'put') {
        const entry = { key: change.key, value: freeze(structuredClone(change.value)), revision }
        this.#entries.set(change.key, entry)
        if (!known) this.#sorted = undefined
        changed.push({ key: change.key, entry })
      } else if (known) {
        this.#entries.delete(change.key)
        this.#sorted = undefined
        changed.push({ key: change.key, entry: undefined })
      }
    }
    for (const one of changed) {
      for (const watcher of this.#watchers) if (one.key.startsWith(watcher.prefix)) watcher.listener(one)
    }
  }

  watch(prefix: string, listener: (changed: Changed) => void): Disposable {
    const watcher = { prefix, listener }
    this.#watchers.add(watcher)
    return { [Symbol.dispose]: () => this.#watchers.delete(watcher) }
  }
}

function lowerBound(sorted: readonly string[], key: string): number {
  let low = 0
  let high = sorted.length
  while (low < high) {
    const middle = (low + high) >> 1
    if ((sorted[middle] ?? '') < key) low = middle + 1
    else high = middle
  }
  return low
}
