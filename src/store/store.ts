/** Any value JSON can carry. */
export type Json = null | boolean | number | string | readonly Json[] | { readonly [key: string]: Json | undefined }

/** A document under its key. The revision grows with every write of any key, and never repeats. */
export interface Entry {
  readonly key: string
  readonly value: Json
  readonly revision: number
}

/**
 * What must hold for a commit to go through: that a key has a revision, or with 0 is not there; that there is no key at
 * all below a prefix; or that none there was written after a revision.
 */
export type Compare =
  | { readonly key: string; readonly revision: number }
  | { readonly noneBelow: string }
  | { readonly unchangedBelow: string; readonly since: number }

/** One write of a commit. */
export type Change =
  | { readonly type: 'put'; readonly key: string; readonly value: Json }
  | { readonly type: 'delete'; readonly key: string }

/** A write that has happened. `entry` is undefined where the key was deleted. */
export interface Changed {
  readonly key: string
  readonly entry: Entry | undefined
}

/**
 * State as JSON documents under keys with revisions: what one file or an etcd cluster can serve alike.
 *
 * Reads come from a view in memory and never wait; the objects they give are frozen.
 */
export interface Store extends AsyncDisposable {
  /** The revision of the last write that reads show. */
  readonly revision: number
  get(key: string): Entry | undefined
  /** All entries whose key starts with `prefix`, ordered by key. */
  list(prefix: string): readonly Entry[]
  /** Whether everything in `compare` holds now. */
  holds(compare: readonly Compare[]): boolean
  /**
   * Writes all of `changes` or none, if everything in `compare` still holds; resolves once it is on disk, to the
   * revision of the write. Throws a `conflict` Failure where something in `compare` does not hold.
   */
  commit(changes: readonly Change[], compare?: readonly Compare[]): Promise<number>
  /** Calls `listener` after every write of a key that starts with `prefix`, until what it returns is disposed. */
  watch(prefix: string, listener: (changed: Changed) => void): Disposable
}
