import type { WebSocket } from 'ws'
import { Failure, badRequest, explain } from '#base/failure.ts'
import type { Progress } from '#base/progress.ts'
import type { Requestor } from '#events/events.ts'
import { sameSecret } from '#base/same-secret.ts'
import { Undo } from '#base/undo.ts'

/** LXD's status codes of an operation; 200 and more are final. */
export const statusCodes = {
  Running: 103,
  Cancelling: 104,
  Success: 200,
  Failure: 400,
  Cancelled: 401,
} as const

export type OperationStatus = keyof typeof statusCodes

export type Metadata = Readonly<Record<string, unknown>>

/** What the work of an operation is given. */
export interface OperationWork {
  /** Aborts when the operation is cancelled. */
  readonly signal: AbortSignal
  /** Runs newest first where the work fails or is cancelled. */
  readonly undo: Undo
  /** Tells how far a stage is, as clients show it: `progress('create_image_from_file', '42%')`. */
  readonly progress: Progress
  /** Adds to the metadata clients see. */
  readonly metadata: (more: Metadata) => void
}

export interface OperationOptions {
  /** LXD's name for the kind of work, such as `Creating instance`. */
  readonly description: string
  readonly project: string
  /** URLs of what it works on, by kind: `{ instances: ['/1.0/instances/c1'] }`. */
  readonly resources?: Readonly<Record<string, readonly string[]>>
  readonly metadata?: Metadata
  /** Secrets and the like: part of the reply to whoever started it and of nothing else. */
  readonly privateMetadata?: Metadata
  readonly requestor?: Requestor | undefined
  readonly mayCancel?: boolean
  /** Makes the operation one of class `token`: it stands for a secret, and ends with it. */
  readonly token?: boolean
  /** Only administrators of the server may know of it, and they are told its secrets. */
  readonly adminsOnly?: boolean
  work(work: OperationWork): Promise<void>
  /**
   * Makes the operation one of class `websocket`: checks a client's secret, throwing a forbidden Failure for a wrong
   * one, and returns what takes the websocket once it is open.
   */
  accept?(secret: string): (socket: WebSocket) => void
}

/** What an operation tells about each change of itself. */
export type OperationListener = (operation: Operation) => void

/** Long work a client can wait for, watch and cancel. */
export class Operation {
  readonly id: string
  readonly class: 'task' | 'websocket' | 'token'
  readonly project: string
  readonly description: string
  readonly requestor: Requestor | undefined
  readonly createdAt = new Date()
  readonly #options: OperationOptions
  readonly #listener: OperationListener
  readonly #abort = new AbortController()
  readonly #done = Promise.withResolvers<void>()
  #updatedAt = this.createdAt
  // From the first: the work begins as soon as whoever started it has its id.
  #status: OperationStatus = 'Running'
  #error = ''
  #failed: unknown
  #metadata: Metadata | undefined

  constructor(id: string, options: OperationOptions, listener: OperationListener) {
    this.id = id
    this.class = options.accept ? 'websocket' : options.token ? 'token' : 'task'
    this.project = options.project
    this.description = options.description
    this.requestor = options.requestor
    this.#options = options
    this.#metadata = options.metadata
    this.#listener = listener
  }

  get status(): OperationStatus {
    return this.#status
  }

  get final(): boolean {
    return statusCodes[this.#status] >= 200
  }

  get mayCancel(): boolean {
    return !this.final && this.#options.mayCancel === true
  }

  get adminsOnly(): boolean {
    return this.#options.adminsOnly === true
  }

  get resources(): Readonly<Record<string, readonly string[]>> {
    return this.#options.resources ?? {}
  }

  /** Resolves when the operation is over, however it ended. */
  get done(): Promise<void> {
    return this.#done.promise
  }

  /** Runs the work; to be called once. Never throws: the operation tells how it ended. */
  async run(report: (what: string, error: unknown) => void): Promise<void> {
    this.#touch()
    try {
      await using undo = new Undo(report)
      await this.#options.work({
        signal: this.#abort.signal,
        undo,
        progress: (stage, text) => this.#addMetadata({ [`${stage}_progress`]: text }),
        metadata: (more) => this.#addMetadata(more),
      })
      // What was done before the cancelling was noticed stays: others may be building on it already.
      undo.keep()
    } catch (error) {
      this.#failed = error
      this.#error = this.#abort.signal.aborted ? 'Operation was cancelled' : explain(error)
      if (!(error instanceof Failure) && !this.#abort.signal.aborted) report(this.description, error)
      this.#change(this.#abort.signal.aborted ? 'Cancelled' : 'Failure')
      this.#done.resolve()
      return
    }
    this.#change('Success')
    this.#done.resolve()
  }

  /** Throws what the work failed with, for callers that answer with its outcome. */
  rethrow(): void {
    if (this.#failed !== undefined) throw this.#failed
  }

  cancel(): void {
    if (!this.mayCancel) throw badRequest('Cannot cancel the operation: this operation can not be cancelled')
    this.#change('Cancelling')
    this.#abort.abort()
  }

  /** Checks the secret of a websocket before it is accepted; what it returns takes the websocket. */
  accept(secret: string): (socket: WebSocket) => void {
    if (!this.#options.accept) throw badRequest('Cannot connect to the operation: it takes no websockets')
    return this.#options.accept(secret)
  }

  /** Whether a text is one of the secrets that whoever started the operation was given. */
  hasSecret(text: string): boolean {
    const { secret, fds } = (this.#options.privateMetadata ?? {}) as {
      readonly secret?: unknown
      readonly fds?: object
    }
    const known = [secret, ...Object.values(fds ?? {})].filter((one): one is string => typeof one === 'string')
    return known.some((one) => sameSecret(one, text))
  }

  /** The API's view of the operation; `withSecrets` for whoever started it. */
  toJson(withSecrets = false): object {
    const metadata = withSecrets ? { ...this.#metadata, ...this.#options.privateMetadata } : this.#metadata
    const resources = Object.keys(this.resources).length > 0 ? this.resources : null
    return {
      id: this.id,
      class: this.class,
      description: this.description,
      created_at: this.createdAt.toISOString(),
      updated_at: this.#updatedAt.toISOString(),
      status: this.#status,
      status_code: statusCodes[this.#status],
      resources,
      metadata: metadata && Object.keys(metadata).length > 0 ? metadata : null,
      may_cancel: this.mayCancel,
      err: this.#error,
      location: 'none',
    }
  }

  #addMetadata(more: Metadata): void {
    this.#metadata = { ...this.#metadata, ...more }
    this.#touch()
  }

  #change(status: OperationStatus): void {
    this.#status = status
    this.#touch()
  }

  #touch(): void {
    this.#updatedAt = new Date()
    this.#listener(this)
  }
}
