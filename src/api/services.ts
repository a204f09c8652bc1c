import type { Events } from '#events/events.ts'
import type { Operations } from '#operations/operations.ts'

/** All parts of the daemon that handlers call. Made in `daemon/daemon.ts`. */
export interface Services {
  readonly events: Events
  readonly operations: Operations
}
