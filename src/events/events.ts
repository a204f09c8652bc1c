import type { Log } from '#base/log.ts'

/** Types of event a client can ask for. */
export type EventType = 'lifecycle' | 'logging' | 'operation' | 'security'

/** One event as it goes out on `/1.0/events`. */
export interface Event {
  readonly type: EventType
  /** RFC 3339 with nanoseconds, as Go writes it. */
  readonly timestamp: string
  readonly metadata: object
  readonly location: string
  /** Empty where the event belongs to no project. */
  readonly project: string
}

/** Who caused something, as lifecycle events tell it. */
export interface Requestor {
  readonly username: string
  readonly protocol: string
  readonly address: string
}

export interface Lifecycle {
  /** LXD's name, such as `instance-started`. */
  readonly action: string
  /** The URL of what it is about. */
  readonly source: string
  readonly project?: string
  readonly context?: object
  readonly requestor?: Requestor | undefined
}

type Listener = (event: Event) => void

/** A broadcast of what happened. Events report; nothing in the daemon acts on one. */
export class Events {
  readonly #listeners = new Set<Listener>()
  readonly #log: Log
  /** The name of this server in `location`: `none` outside a cluster. */
  readonly #location: string

  constructor(options: { readonly log: Log; readonly location?: string }) {
    this.#log = options.log
    this.#location = options.location ?? 'none'
  }

  lifecycle({ action, source, project = '', context, requestor }: Lifecycle): void {
    this.send('lifecycle', project, {
      action,
      source,
      ...(context ? { context } : {}),
      ...(requestor ? { requestor } : {}),
    })
  }

  send(type: EventType, project: string, metadata: object): void {
    if (this.#listeners.size === 0) return
    const event = { type, timestamp: new Date().toISOString(), metadata, location: this.#location, project }
    for (const listener of this.#listeners) {
      try {
        listener(event)
      } catch (error) {
        this.#log.warn('Cannot tell a listener of an event', { error })
      }
    }
  }

  /** Calls `listener` for each event until what it returns is disposed. */
  subscribe(listener: Listener): Disposable {
    this.#listeners.add(listener)
    return { [Symbol.dispose]: () => this.#listeners.delete(listener) }
  }
}
