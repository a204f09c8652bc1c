import { newSecret } from '#base/id.ts'
import { sameSecret } from '#base/same-secret.ts'
import type { Requestor } from '#events/events.ts'
import type { Operation } from '#operations/operation.ts'
import type { Operations } from '#operations/operations.ts'

/** What whoever has a token may be added as. */
export interface JoinRequest {
  readonly name: string
  readonly restricted: boolean
  readonly projects: readonly string[]
}

export interface JoinTokensOptions {
  readonly operations: Operations
  /** How clients know and reach the server. */
  readonly server: () => { readonly fingerprint: string; readonly addresses: readonly string[] }
  /** How long a token is good for, in milliseconds; undefined for until it is used. */
  readonly expiry: () => number | undefined
  readonly now?: () => number
}

/** A token that nobody else can use any more. */
export interface Claim {
  readonly request: JoinRequest
  /** Ends the token: it was used. */
  used(): void
  /** Makes the token good again: it could not be used. */
  giveBack(): void
}

interface Entry {
  readonly secret: string
  readonly request: JoinRequest
  readonly expiresAt: number | undefined
  readonly operation: Operation
  readonly used: PromiseWithResolvers<void>
  claimed: boolean
}

/** The longest time a timer takes, in milliseconds. */
const longestTimer = 2 ** 31 - 1

/**
 * One-time tokens with which clients add their own certificates. Each is an operation of class `token`, as LXD has it: whoever
 * cancels that revokes the token, and no token outlives the daemon.
 */
export class JoinTokens {
  readonly #options: JoinTokensOptions
  readonly #now: () => number
  readonly #entries = new Set<Entry>()

  constructor(options: JoinTokensOptions) {
    this.#options = options
    this.#now = options.now ?? Date.now
  }

  /** Makes a token. The operation's metadata is what the stock client makes its text from. */
  create(request: JoinRequest, requestor?: Requestor): Operation {
    const { operations, server, expiry } = this.#options
    const secret = newSecret()
    const goodFor = expiry()
    const expiresAt = goodFor === undefined ? undefined : this.#now() + goodFor
    const used = Promise.withResolvers<void>()
    const operation = operations.start({
      description: 'Executing operation',
      project: '',
      requestor,
      token: true,
      mayCancel: true,
      adminsOnly: true,
      privateMetadata: {
        secret,
        ...server(),
        request: { ...request, type: 'client', certificate: '', password: '', token: true },
        ...(expiresAt === undefined ? {} : { expiresAt: new Date(expiresAt).toISOString() }),
      },
      work: ({ signal }) => this.#untilOver(expiresAt, used.promise, signal),
    })
    const entry = { secret, request, expiresAt, operation, used, claimed: false }
    this.#entries.add(entry)
    void operation.done.then(() => this.#entries.delete(entry))
    return operation
  }

  /**
   * Takes the token that has this secret, before anyone else can; undefined where there is none. Every token is
   * compared, so that time tells nothing.
   */
  claim(secret: string): Claim | undefined {
    const now = this.#now()
    let found: Entry | undefined
    for (const entry of this.#entries) {
      const same = sameSecret(entry.secret, secret)
      const good = !entry.claimed && entry.operation.status === 'Running' && now < (entry.expiresAt ?? Infinity)
      if (same && good) found = entry
    }
    if (!found) return undefined
    const entry = found
    entry.claimed = true
    return { request: entry.request, used: () => entry.used.resolve(), giveBack: () => void (entry.claimed = false) }
  }

  async #untilOver(expiresAt: number | undefined, used: Promise<void>, signal: AbortSignal): Promise<void> {
    const ended = Promise.withResolvers<void>()
    signal.addEventListener('abort', () => ended.reject(new Error('The token was revoked')), { once: true })
    let timer: NodeJS.Timeout | undefined
    const wait = (): void => {
      const left = (expiresAt ?? Infinity) - this.#now()
      if (left <= 0) ended.reject(new Error('The token has expired'))
      else if (Number.isFinite(left)) timer = setTimeout(wait, Math.min(left, longestTimer)).unref()
    }
    wait()
    try {
      await Promise.race([used, ended.promise])
    } finally {
      clearTimeout(timer)
    }
  }
}

/** The secret in the text of a token, which is base64 of JSON; undefined where the text is no token. */
export function secretOfToken(text: string): string | undefined {
  try {
    const token = JSON.parse(Buffer.from(text, 'base64').toString()) as Readonly<Record<string, unknown>> | null
    const secret = token?.['secret']
    return typeof secret === 'string' && typeof token?.['fingerprint'] === 'string' ? secret : undefined
  } catch {
    return undefined
  }
}
