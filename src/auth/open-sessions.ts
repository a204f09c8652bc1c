import type { Store } from '#store/store.ts'
import type { Grant, Identity } from './identity.ts'

interface Session {
  readonly identity: Pick<Identity, 'grants'>
  /** What the client might do when the session began. */
  readonly began: readonly string[]
  readonly end: () => void
}

/** The kinds of record by which it is known what someone may do. */
const prefixes = ['/identities/', '/auth-groups/', '/identity-provider-groups/', '/certificates/']

/**
 * Connections that outlast their request: event streams, commands with their input and output. A client that may less
 * than it might when it opened one loses it at once, and may open it again where it still may.
 */
export class OpenSessions {
  readonly #sessions = new Set<Session>()
  #due = false

  constructor(store: Store) {
    for (const prefix of prefixes) store.watch(prefix, () => this.#recheckSoon())
  }

  /** Calls `end` should the client lose any of what it may do now; until what it returns is disposed. */
  track(identity: Pick<Identity, 'grants'>, end: () => void): Disposable {
    const session = { identity, began: identity.grants.map(asText), end }
    this.#sessions.add(session)
    return { [Symbol.dispose]: () => void this.#sessions.delete(session) }
  }

  /** Ends the sessions of clients that have lost something by other things than the store: by time, or files. */
  recheck(): void {
    for (const session of this.#sessions) if (hasLost(session)) session.end()
  }

  /** Once for all writes of a turn. */
  #recheckSoon(): void {
    if (this.#due) return
    this.#due = true
    queueMicrotask(() => {
      this.#due = false
      this.recheck()
    })
  }
}

function hasLost({ identity, began }: Session): boolean {
  const now = new Set(identity.grants.map(asText))
  return began.some((grant) => !now.has(grant))
}

function asText({ role, project }: Grant): string {
  return project === undefined ? role : `${role} ${project}`
}
