import type { Events, Requestor } from '#events/events.ts'
import type { AuditLog, Place } from './audit-log.ts'
import type { AuditEntry, Who } from './entry.ts'
import { Floods } from './floods.ts'
import { securityEventOf } from './security-events.ts'

/** Who sends a request, as far as the log is concerned. */
export interface Actor {
  readonly method: string
  readonly id: string
  readonly trusted: boolean
  readonly requestor: Requestor
  readonly peer: {
    readonly address: string
    readonly uid?: number
    readonly pid?: number
    readonly certificate?: string
  }
}

/** A request, as far as the log is concerned. */
export interface AuditedRequest {
  readonly actor: Actor
  /** The HTTP method; `WEBSOCKET` for an upgrade. */
  readonly method: string
  /** The pattern of the path: `/1.0/instances/{name}`. */
  readonly route: string
  readonly params: Readonly<Record<string, string>>
  readonly project?: string | undefined
  /** What the client has to be allowed. */
  readonly action: string
  /** Whether it is written down although it only reads, as it hands out what is inside an instance. */
  readonly sensitive: boolean
}

/** How a request was answered. */
export interface Answered {
  readonly status: number
  /** URLs of what was made. */
  readonly objects?: readonly string[]
  readonly operation?: {
    readonly id: string
    readonly status: string
    readonly done: Promise<void>
    readonly resources: Readonly<Record<string, readonly string[]>>
  }
}

/** The trace of one request in the log. */
export interface Trail {
  /** To be called once it is decided that the client may do what it asks. Throws where the log must be written and can't. */
  allowed(): void
  /** Resolves when what was asked is on disk. */
  onDisk(): Promise<void>
  /**
   * To be called before it is answered, with the status. Resolves when the answer may go out: what was asked is on
   * disk. `denied` where the client was refused for who it is; `project` then names that in which it happened, if the
   * client may know of it.
   */
  answered(answer: Answered, denied?: { readonly project: string }): Promise<void>
  /** To be called when the websocket that it was about is closed. */
  closed(): void
}

/** What the parts of the daemon tell the audit log, and what it tells as events of type `security`. */
export class Audit implements AsyncDisposable {
  readonly log: AuditLog
  readonly #events: Events
  readonly #floods = new Floods((address, count) => {
    this.log.append({ event: 'left-out', who: { method: 'any', id: '', address }, count })
  })

  constructor(options: { readonly log: AuditLog; readonly events: Events }) {
    this.log = options.log
    this.#events = options.events
  }

  /** Opens the log, and records what happened to it since it was closed. */
  async start(): Promise<void> {
    await this.log.start()
    this.#tell({ event: 'daemon-started', pid: process.pid })
  }

  /** Begins the trace of a request; nothing is written before it is decided. */
  request(request: AuditedRequest): Trail {
    return new RequestTrail(request, this.log, {
      admit: (address) => this.#floods.admit(address),
      tell: (entry, project) => this.#tell(entry, request.actor.requestor, project),
    })
  }

  /** Someone could not prove who it is. `reason` must hold nothing that was sent: tokens and passwords are secrets. */
  loginFailed(options: {
    readonly method: string
    readonly address: string
    readonly reason: string
    readonly id?: string
  }) {
    const { method, address, reason, id = '' } = options
    const entry = { event: 'login-failed', who: { method, id, address }, reason } as const
    this.#tell(entry, { username: '', protocol: method, address })
    // All local users have one address.
    if (this.#floods.admit(address === '@' ? `@ ${id}` : address)) this.log.append(entry)
  }

  /** Who is trusted, or what it may do, was changed: `change` says how, `object` names who, never with a secret. */
  trustChanged(requestor: Requestor | undefined, change: string, object: string): void {
    this.#record({ event: 'trust-changed', who: whoIs(requestor), change, object }, requestor)
  }

  /** Keys of the server's configuration were changed. */
  configChanged(requestor: Requestor | undefined, keys: readonly string[]): void {
    this.#record({ event: 'config-changed', who: whoIs(requestor), keys }, requestor)
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#floods.flush()
    this.#tell({ event: 'daemon-stopped', pid: process.pid })
    await this.log[Symbol.asyncDispose]()
  }

  #record(entry: AuditEntry, requestor: Requestor | undefined): void {
    this.log.append(entry)
    this.#tell(entry, requestor)
  }

  #tell(entry: AuditEntry, requestor?: Requestor, project = ''): void {
    const event = securityEventOf(entry, requestor)
    if (event) this.#events.send('security', project, event)
  }
}

/** Who asked for a change; the daemon itself where nobody did. */
function whoIs(requestor: Requestor | undefined): Who {
  if (!requestor) return { method: 'daemon', id: '', address: '' }
  return { method: requestor.protocol, id: requestor.username, address: requestor.address }
}

function whoOf({ method, id, peer }: Actor): Who {
  return { method, id, address: peer.address, uid: peer.uid, pid: peer.pid, certificate: peer.certificate }
}

interface Means {
  readonly admit: (address: string) => boolean
  readonly tell: (entry: AuditEntry, project: string) => void
}

class RequestTrail implements Trail {
  readonly #request: AuditedRequest
  readonly #log: AuditLog
  readonly #means: Means
  #place: Place | undefined
  #onDisk: Promise<void> | undefined

  constructor(request: AuditedRequest, log: AuditLog, means: Means) {
    this.#request = request
    this.#log = log
    this.#means = means
  }

  allowed(): void {
    const { method, sensitive, actor } = this.#request
    const changes = !['GET', 'HEAD', 'WEBSOCKET'].includes(method)
    if (!changes && method !== 'WEBSOCKET' && !sensitive && !this.#log.settings.reads) return
    // Anyone can send requests to what is open to strangers.
    if (actor.trusted || this.#means.admit(addressOf(actor))) {
      this.#place = this.#log.append(this.#entry('allowed'))
      this.#onDisk = this.#log.durable()
    }
    // Only now: writing it may have worked again.
    if (changes) this.#log.checkMayChange()
  }

  async onDisk(): Promise<void> {
    await this.#onDisk
  }

  async answered({ status, objects, operation }: Answered, denied?: { readonly project: string }): Promise<void> {
    const place = this.#place
    if (!place) {
      if (denied) this.#denied(status, denied.project)
      return
    }
    const made = objects ?? Object.values(operation?.resources ?? {}).flat()
    this.#log.append(() => ({
      event: 'answer',
      request: place.sequence,
      status,
      denied: denied && true,
      operation: operation?.id,
      objects: made.length > 0 ? made : undefined,
    }))
    if (denied) this.#means.tell(this.#entry('denied', status), denied.project)
    else if (status < 400 && this.#request.action === 'admin') this.#means.tell(this.#entry('allowed', status), '')
    void operation?.done.then(() => this.#ended(place, operation.status.toLowerCase(), operation.id))
    await this.#onDisk
  }

  closed(): void {
    if (this.#place) this.#ended(this.#place, 'closed')
  }

  #ended(place: Place, result: string, operation?: string): void {
    this.#log.append(() => ({ event: 'end', request: place.sequence, operation, result }))
  }

  #denied(status: number, project: string): void {
    const entry = this.#entry('denied', status)
    this.#means.tell(entry, project)
    if (this.#means.admit(addressOf(this.#request.actor))) this.#log.append(entry)
  }

  #entry(decision: 'allowed' | 'denied', status?: number): AuditEntry {
    const { actor, method, route, params, project, action } = this.#request
    return { event: 'request', who: whoOf(actor), method, route, project, params, action, decision, status }
  }
}

/** What floods are counted by: on a Unix socket, where all have one address, the user. */
function addressOf({ peer }: Actor): string {
  return peer.uid === undefined ? peer.address : `uid ${peer.uid}`
}
