/** What kind of thing went wrong. Only `api/status.ts` knows which HTTP status each becomes. */
export type FailureKind =
  | 'bad-request'
  | 'unauthorized'
  | 'forbidden'
  | 'not-found'
  | 'conflict'
  | 'precondition-failed'
  | 'too-many-requests'
  | 'not-implemented'
  | 'unavailable'
  | 'internal'

/**
 * An error the caller is meant to see.
 *
 * The message names what failed and does not repeat its cause; whoever prints
 * it walks the chain with {@link explain}.
 */
export class Failure extends Error {
  readonly kind: FailureKind
  /** Whether it says no to someone for who it is, openly or, with `not-found`, by hiding what is there. */
  readonly denied: boolean

  constructor(kind: FailureKind, message: string, options: ErrorOptions & { readonly denied?: boolean } = {}) {
    super(message, options)
    this.name = 'Failure'
    this.kind = kind
    this.denied = options.denied ?? (kind === 'unauthorized' || message === 'not authorized')
  }
}

export function badRequest(message: string, options?: ErrorOptions): Failure {
  return new Failure('bad-request', message, options)
}

export function forbidden(message: string, options?: ErrorOptions): Failure {
  return new Failure('forbidden', message, options)
}

export function notFound(message: string, options?: ErrorOptions): Failure {
  return new Failure('not-found', message, options)
}

/** As {@link notFound}, to someone who may not know whether there is such a thing. */
export function hidden(message: string, options?: ErrorOptions): Failure {
  return new Failure('not-found', message, { ...options, denied: true })
}

export function conflict(message: string, options?: ErrorOptions): Failure {
  return new Failure('conflict', message, options)
}

export function preconditionFailed(message: string, options?: ErrorOptions): Failure {
  return new Failure('precondition-failed', message, options)
}

export function notImplemented(message: string, options?: ErrorOptions): Failure {
  return new Failure('not-implemented', message, options)
}

export function unavailable(message: string, options?: ErrorOptions): Failure {
  return new Failure('unavailable', message, options)
}

/** The kind of any thrown value: what is not a {@link Failure} is a bug or a broken host. */
export function kindOf(error: unknown): FailureKind {
  return error instanceof Failure ? error.kind : 'internal'
}

/** The message of an error and of its causes, outermost first: `Cannot do this: that failed: the reason`. */
export function explain(error: unknown): string {
  const messages: string[] = []
  for (let at: unknown = error; at !== undefined && messages.length < 10;) {
    messages.push(at instanceof Error ? at.message : typeof at === 'string' ? at : 'unknown error')
    at = at instanceof Error ? at.cause : undefined
  }
  return messages.join(': ')
}
