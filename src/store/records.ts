import type { Change, Compare, Json, Store } from './store.ts'

/** A document with its revision. */
export interface Stored<T> {
  readonly value: T
  readonly revision: number
}

/**
 * The records of one kind, below one prefix. A record is found by the names that lead to it: `('default', 'c1')` for
 * the instance "c1" of the project "default".
 */
export class Records<T extends object> {
  readonly #store: Store
  readonly prefix: string

  /** `kind` becomes the first part of the keys, such as `instances`. */
  constructor(store: Store, kind: string) {
    this.#store = store
    this.prefix = `/${kind}/`
  }

  key(...names: readonly string[]): string {
    return this.prefix + names.map(encodeURIComponent).join('/')
  }

  get(...names: readonly string[]): Stored<T> | undefined {
    const entry = this.#store.get(this.key(...names))
    return entry && { value: entry.value as T, revision: entry.revision }
  }

  /** All records whose names start with `names`, ordered by key. */
  list(...names: readonly string[]): Stored<T>[] {
    const prefix = names.length === 0 ? this.prefix : `${this.key(...names)}/`
    return this.#store.list(prefix).map((entry) => ({ value: entry.value as T, revision: entry.revision }))
  }

  put(value: T, ...names: readonly string[]): Change {
    return { type: 'put', key: this.key(...names), value: value as Json }
  }

  delete(...names: readonly string[]): Change {
    return { type: 'delete', key: this.key(...names) }
  }

  /** A condition for a commit: there is no record whose names start with `names`. */
  expectNone(...names: readonly string[]): Compare {
    return { noneBelow: `${this.key(...names)}/` }
  }

  /** A condition for a commit: no record whose names start with `names` was written after the revision `since`. */
  expectUnchanged(since: number, ...names: readonly string[]): Compare {
    return { unchangedBelow: `${this.key(...names)}/`, since }
  }

  /** A condition for a commit: the record has this revision still, or with 0 is not there. */
  expect(revision: number, ...names: readonly string[]): Compare {
    return { key: this.key(...names), revision }
  }
}
