import type { Config } from '#config/config.ts'
import type { Values } from '#config/key.ts'
import type { serverKeys } from '#config/server-keys.ts'

/** The parsed values of the server's keys, defaults filled in. */
export type ServerValues = Values<typeof serverKeys>

/** A change of the server's configuration on its way: every key has been found valid by itself. */
export interface ConfigChange {
  /** The texts that are set now. */
  readonly before: Config
  /** The texts that will be. */
  readonly after: Config
  /** What `after` stands for. */
  readonly values: ServerValues
  /** Whether the key is set, unset or set otherwise by this change. */
  readonly changes: (key: string) => boolean
}

/** What a part has done for a change. One of the two is called, once. */
export interface Applied {
  /** Takes it back: something later failed. */
  undo(): void | Promise<void>
  /** The change is on disk: lets go of what was kept for `undo`. */
  finish?(): void | Promise<void>
}

/**
 * A part of the daemon that acts on server keys. For a change, of all parts concerned first every `check` is called,
 * then every `seal`, then every `apply`; then the configuration is written. Where anything fails, what was applied is
 * undone, newest first, and the client gets the error.
 *
 * What `apply` does must end with the process, or be put right by the part's own start: the daemon may be killed
 * between it and the write.
 */
export interface ConfigPart {
  /** The keys it acts on; families as declared, such as `user.*`. Other changes pass it by. */
  readonly keys: readonly string[]
  /** Throws a bad-request Failure where values don't go together. Touches nothing. */
  check?(change: ConfigChange): void | Promise<void>
  /** What to store in the place of what was given: a hash for a password. Gives only the keys it replaces. */
  seal?(change: ConfigChange): Config | Promise<Config>
  /** Acts. Where it throws, it has changed nothing. */
  apply?(change: ConfigChange): Applied | undefined | Promise<Applied | undefined>
}
