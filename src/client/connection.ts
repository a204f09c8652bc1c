import { Failure, unavailable, type FailureKind } from '#base/failure.ts'

import { hostOf, openStream, type Endpoint } from './endpoint.ts'
import { exchange, type Body, type HttpReply } from './http.ts'

/** Bytes a JSON reply may have. */
const MAX_JSON = 256 * 1024 * 1024

/** Values of a query; those that are undefined or false are left out. */
export type Query = Readonly<Record<string, string | number | boolean | undefined>>

export interface RequestOptions {
  readonly query?: Query
  /** Sent as `If-Match`: the change is refused when the object has changed since. */
  readonly etag?: string | undefined
  readonly headers?: Readonly<Record<string, string>>
  readonly signal?: AbortSignal
}

/** An answer of the API, out of its envelope. */
export interface Reply<T> {
  readonly status: number
  readonly metadata: T
  /** Path of the operation that goes on, when the answer is asynchronous. */
  readonly operation?: string
  readonly etag?: string
  readonly location?: string
}

/** A way to show who asks that wears off. */
export interface Session {
  /** What goes along with every request. */
  headers(): Readonly<Record<string, string>>
  /** Whether these will do for now, as far as one can tell. */
  readonly fresh: boolean
  /** Gets others, by what the answer that refused them says; false where it says nothing of use. */
  renew(answer: ReadonlyMap<string, string>): Promise<boolean>
}

export interface ConnectionOptions {
  readonly endpoint: Endpoint
  /** The project requests are about, unless their query names one. */
  readonly project?: string | undefined
  readonly userAgent?: string
  /** Where the endpoint's certificate doesn't say who asks. */
  readonly session?: (() => Promise<Session>) | undefined
  /** Told of every request and reply: what `--debug` shows. */
  readonly trace?: (line: string) => void
}

/** A way to ask a daemon: each request opens, uses and closes a stream of its own. */
export class Connection {
  readonly endpoint: Endpoint
  readonly project: string | undefined
  readonly #options: ConnectionOptions

  constructor(options: ConnectionOptions) {
    this.endpoint = options.endpoint
    this.project = options.project
    this.#options = options
  }

  /** The same daemon, asked about another project. */
  inProject(project: string | undefined): Connection {
    return new Connection({ ...this.#options, project })
  }

  /** What is at `path`. */
  async get<T>(path: string, options: RequestOptions = {}): Promise<T> {
    return (await this.request<T>('GET', path, undefined, options)).metadata
  }

  /**
   * Asks with a JSON body, when there is one.
   *
   * @throws {Failure} with the server's message, when it answers with an error or cannot be reached
   */
  async request<T>(method: string, path: string, body?: unknown, options: RequestOptions = {}): Promise<Reply<T>> {
    const text = body === undefined ? undefined : JSON.stringify(body)
    const headers = text === undefined ? options.headers : { 'Content-Type': 'application/json', ...options.headers }

    return await this.send<T>(method, path, text, { ...options, ...(headers === undefined ? {} : { headers }) })
  }

  /** As {@link Connection.request}, with a body that is sent as it is. */
  async send<T>(method: string, path: string, body?: Body, options: RequestOptions = {}): Promise<Reply<T>> {
    await using reply = await this.open(method, path, body, options)
    return await readEnvelope<T>(reply)
  }

  /** As {@link Connection.send}, for replies that are no envelope: the caller reads the body and disposes the reply. */
  async open(
    method: string,
    path: string,
    body?: Body,
    options: RequestOptions = {},
  ): Promise<HttpReply & AsyncDisposable> {
    const target = this.target(path, options.query)
    const headers: Record<string, string> = { Connection: 'close', 'User-Agent': this.#options.userAgent ?? 'lxd-ts' }
    if (options.etag !== undefined) headers['If-Match'] = options.etag
    Object.assign(headers, options.headers)

    this.#options.trace?.(`${method} ${target}${typeof body === 'string' ? ` ${withoutSecrets(body)}` : ''}`)
    const session = await this.#options.session?.()
    const replayable = body === undefined || typeof body === 'string'
    // A stream can't be sent twice: first it is settled that the first time will do.
    if (session !== undefined && !replayable && !session.fresh) await this.get('/1.0', options)

    for (let renewed = false; ; renewed = true) {
      Object.assign(headers, session?.headers())
      const stream = await openStream(this.endpoint, options.signal)
      try {
        const reply = await exchange(stream, { method, target, host: hostOf(this.endpoint), headers, body })
        this.#options.trace?.(`${reply.status} to ${method} ${target}`)
        const refused = reply.status === 401 && session !== undefined && replayable && !renewed
        if (!refused) return { ...reply, [Symbol.asyncDispose]: async () => void stream.destroy() }
        stream.destroy()
        if (!(await session.renew(reply.headers))) throw new Failure('unauthorized', 'not authorized')
      } catch (error) {
        stream.destroy()
        throw error
      }
    }
  }

  /** What shows who asks, for requests that are made elsewhere. */
  async authorization(): Promise<Readonly<Record<string, string>>> {
    const session = await this.#options.session?.()
    if (session === undefined) return {}
    // What changes its protocol can't be asked again: any other request gets what has worn off renewed.
    if (!session.fresh) await this.get('/1.0')
    return session.headers()
  }

  /** What a request for `path` names in its first line: with the query and the project. */
  target(path: string, query: Query = {}): string {
    const all: Record<string, Query[string]> = { ...query }
    if (this.project !== undefined && !('project' in query) && !query['all-projects']) all['project'] = this.project

    const pairs = Object.entries(all).filter(([, value]) => value !== undefined && value !== false)
    if (pairs.length === 0) return path
    const text = pairs.map(([name, value]) => `${name}=${encodeURIComponent(String(value))}`).join('&')
    return `${path}${path.includes('?') ? '&' : '?'}${text}`
  }
}

/** A JSON body with what must not be read over someone's shoulder left out. */
function withoutSecrets(body: string): string {
  return body.replaceAll(/("(?:password|secret|[\w.]*trust_password)":)"(?:[^"\\]|\\.)*"/g, '$1"…"')
}

/** A path whose values are encoded: path`/1.0/instances/${name}`. */
export function path(strings: TemplateStringsArray, ...values: readonly string[]): string {
  return String.raw({ raw: strings }, ...values.map((value) => encodeURIComponent(value)))
}

/** The whole body as text. Throws past `limit` bytes. */
export async function readText(body: AsyncIterable<Uint8Array>, limit = MAX_JSON): Promise<string> {
  const pieces: Uint8Array[] = []
  let size = 0
  for await (const piece of body) {
    size += piece.length
    if (size > limit) throw unavailable('The server sent a reply that is too long')
    pieces.push(piece)
  }
  const whole = pieces.length === 1 ? pieces[0]! : Buffer.concat(pieces)
  return Buffer.from(whole.buffer, whole.byteOffset, whole.length).toString('utf8')
}

interface Envelope {
  readonly type?: string
  readonly metadata?: unknown
  readonly operation?: string
  readonly error?: string
  readonly error_code?: number
}

async function readEnvelope<T>(reply: HttpReply): Promise<Reply<T>> {
  const text = await readText(reply.body)
  let envelope: Envelope
  try {
    envelope = JSON.parse(text) as Envelope
  } catch (cause) {
    throw unavailable(`The server answered with status ${reply.status} and no JSON`, { cause })
  }

  if (envelope.type === 'error' || reply.status >= 400) {
    throw new Failure(kindOfStatus(envelope.error_code ?? reply.status), envelope.error || `Status ${reply.status}`)
  }

  const etag = reply.headers.get('etag')
  const location = reply.headers.get('location')
  return {
    status: reply.status,
    // The reply's type is the server's promise, which the API contract test holds it to.
    metadata: envelope.metadata as T,
    ...(envelope.operation ? { operation: envelope.operation } : {}),
    ...(etag === undefined ? {} : { etag }),
    ...(location === undefined ? {} : { location }),
  }
}

const KINDS: Readonly<Record<number, FailureKind>> = {
  400: 'bad-request',
  401: 'unauthorized',
  403: 'forbidden',
  404: 'not-found',
  409: 'conflict',
  412: 'precondition-failed',
  501: 'not-implemented',
  503: 'unavailable',
}

function kindOfStatus(status: number): FailureKind {
  return KINDS[status] ?? 'internal'
}
