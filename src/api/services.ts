import type { Events } from '#events/events.ts'
import type { Operations } from '#operations/operations.ts'
import type { Profiles } from '#profiles/profiles.ts'
import type { Projects } from '#projects/projects.ts'

/** All parts of the daemon that handlers call. Made in `daemon/daemon.ts`. */
export interface Services {
  readonly events: Events
  readonly operations: Operations
  readonly projects: Projects
  readonly profiles: Profiles
  /**
   * Stops the instances and then the daemon. Resolves when the instances are down; operations get `timeout`
   * milliseconds to end, or none at all with `force`.
   */
  shutdown(options: { readonly force: boolean; readonly timeout: number }): Promise<void>
}
