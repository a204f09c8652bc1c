import fastify from 'fastify'
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify'
import type { IncomingMessage } from 'node:http'
import type { Audit } from '#audit/audit.ts'
import { allows } from '#auth/authorize.ts'
import type { Identity } from '#auth/identity.ts'
import type { OpenSessions } from '#auth/open-sessions.ts'
import { explain, Failure, kindOf, notFound, notImplemented, unavailable } from '#base/failure.ts'
import type { Log } from '#base/log.ts'
import { decode } from '#schema/decode.ts'
import { answeredWith, auditedRequest, denialOf } from './audited.ts'
import { readJson } from './body.ts'
import { decide } from './decide.ts'
import type { ProjectFacts } from './decide.ts'
import { checkEtag, etagOf } from './etag.ts'
import type { Reply } from './reply.ts'
import type { Method, Request, Route } from './route.ts'
import type { Services } from './services.ts'
import { statusOf } from './status.ts'

export interface RouterOptions {
  readonly routes: readonly Route[]
  readonly services: Services
  readonly log: Log
  /** Whether the daemon has come up; before that only `early` methods answer. */
  readonly ready: () => boolean
  readonly identify: (request: IncomingMessage) => Promise<Identity>
  /** The headers that tell a client with status 401 how to prove who it is. */
  readonly challenge?: () => Readonly<Record<string, string>>
  readonly projects: ProjectFacts
  readonly audit: Pick<Audit, 'request'>
  /** Websockets are told of here, to be ended when their client may less than it might. */
  readonly sessions?: OpenSessions
}

const verbs = ['get', 'head', 'put', 'patch', 'post', 'delete'] as const

/** The HTTP face of the daemon: every route under its path, LXD's envelopes around what they answer. */
export function makeRouter(options: RouterOptions): FastifyInstance {
  const app = fastify({
    exposeHeadRoutes: false,
    // Uploads and waits take as long as they take; a client that stalls holds up only its own connection.
    requestTimeout: 0,
    keepAliveTimeout: 120_000,
    bodyLimit: Number.MAX_SAFE_INTEGER,
    forceCloseConnections: true,
    routerOptions: { maxParamLength: 1024, ignoreTrailingSlash: true, querystringParser: parseQuery },
  })
  // Bodies are read by the handler: JSON with bounds of its own, images as a stream.
  app.removeAllContentTypeParsers()
  app.addContentTypeParser('*', (_request, _payload, next) => next(null))

  for (const route of options.routes) {
    for (const verb of verbs) {
      const method = route[verb]
      app.route({
        method: verb.toUpperCase(),
        url: fastifyPath(route.path),
        handler: (request, reply) =>
          method
            ? answer(options, { ...method, path: route.path }, request, reply)
            : sendError(reply, notImplemented('not implemented')),
      })
    }
  }
  app.setNotFoundHandler((_request, reply) => sendError(reply, notFound('not found')))
  app.setErrorHandler((error, _request, reply) => sendError(reply, error))
  return app
}

function fastifyPath(path: string): string {
  return path.replaceAll(/\{(\w+)\}/g, ':$1')
}

/** A query as text by name; of a name given twice the first counts, as with Go's `Get`. */
export function parseQuery(text: string): Record<string, string> {
  const query: Record<string, string> = Object.create(null) as Record<string, string>
  for (const [name, value] of new URLSearchParams(text)) query[name] ??= value
  return query
}

/** How long the answer may take to a client that has lost something meanwhile, in milliseconds. */
const answerGrace = 1000

type MethodOfPath = Method & { readonly path: string }

async function answer(options: RouterOptions, method: MethodOfPath, http: FastifyRequest, reply: FastifyReply) {
  const gone = new AbortController()
  reply.raw.once('close', () => {
    if (!reply.raw.writableFinished) gone.abort()
  })
  try {
    if (!method.early && !options.ready()) throw unavailable('LXD daemon is starting up')
    const identity = await options.identify(http.raw).catch((error: unknown) => {
      if (kindOf(error) === 'unauthorized') void reply.headers(options.challenge?.() ?? {})
      // Who nobody is gets an answer, and no more of the daemon.
      else void reply.header('connection', 'close')
      throw error
    })
    // The path only: a query may hold secrets.
    const path = http.url.split('?', 1)[0]
    options.log.debug('Handling API request', { method: http.method, path, ...identity.requestor })
    const parts = {
      raw: http.raw,
      params: http.params as Record<string, string>,
      query: http.query as Record<string, string>,
      identity,
      signal: gone.signal,
    }
    // A client that gives itself up, or takes a new certificate, is told of that still.
    const cut = () => void setTimeout(() => http.raw.socket.destroy(), answerGrace).unref()
    const session = options.sessions?.track(identity, cut)
    reply.raw.once('close', () => session?.[Symbol.dispose]())
    const audited = auditedRequest({ ...parts, method: http.method, route: method })
    const trail = options.audit.request(audited)
    try {
      const request = requestOf(options.projects, method, parts)
      trail.allowed()
      const body = method.body ? decode(method.body, await readJson(http.raw, identity)) : undefined
      const answered = await method.handle(options.services, {
        ...request,
        body,
        checkEtag: (value) => checkEtag(http.headers['if-match'], value),
      })
      await trail.answered(answeredWith(answered))
      await send(reply, answered)
    } catch (error) {
      await trail.answered({ status: statusOf(error) }, denialOf(error, identity, audited.project))
      throw error
    }
  } catch (error) {
    if (!(error instanceof Failure)) {
      options.log.error('Request failed', {
        method: http.method,
        path: http.url.split('?', 1)[0],
        error: explain(error),
        stack: (error as Error).stack,
      })
    }
    await sendError(reply, error)
  }
  return reply
}

type Bare = Omit<Request, 'body' | 'checkEtag'>

/** Decides whether the client may ask this, and gives what handlers get to see of the request. */
export function requestOf(
  projects: ProjectFacts,
  { access, projectParam, allProjects: listsAll }: Pick<Method, 'access' | 'projectParam' | 'allProjects'>,
  parts: {
    readonly raw: IncomingMessage
    readonly params: Readonly<Record<string, string>>
    readonly query: Readonly<Record<string, string>>
    readonly identity: Identity
    readonly signal: AbortSignal
  },
): Bare {
  const { raw, params, query, identity, signal } = parts
  const headers: Record<string, string> = {}
  for (const [name, value] of Object.entries(raw.headers)) {
    if (value !== undefined) headers[name] = Array.isArray(value) ? value.join(', ') : value
  }
  const allProjects = listsAll === true && ['true', '1'].includes(query['all-projects'] ?? '')
  const inPath = projectParam === undefined ? undefined : params[projectParam]
  const trusted = decide(identity, { access, inPath, inQuery: query['project'] || undefined, allProjects }, projects)
  const project = query['project'] || 'default'
  return {
    params,
    query,
    headers,
    project,
    allProjects,
    recursion: /^\d$/.test(query['recursion'] ?? '') ? Number(query['recursion']) : 0,
    stream: raw,
    requestor: identity.requestor,
    identity,
    trusted,
    may: (action, where = project) => allows(identity, action, { project: where }),
    signal,
  }
}

async function send(reply: FastifyReply, answered: Reply): Promise<void> {
  switch (answered.kind) {
    case 'sync': {
      if (answered.etag !== undefined) void reply.header('etag', `"${etagOf(answered.etag)}"`)
      if (answered.created !== undefined) void reply.header('location', answered.created)
      void reply.headers(answered.headers ?? {})
      await sendJson(reply, answered.created === undefined ? 200 : 201, {
        type: 'sync',
        status: 'Success',
        status_code: 200,
        operation: '',
        error_code: 0,
        error: '',
        metadata: answered.metadata ?? null,
      })
      return
    }
    case 'operation': {
      const url = `/1.0/operations/${answered.operation.id}`
      void reply.header('location', url)
      await sendJson(reply, 202, {
        type: 'async',
        status: 'Operation created',
        status_code: 100,
        operation: url,
        error_code: 0,
        error: '',
        metadata: answered.operation.toJson(true),
      })
      return
    }
    case 'raw':
      await reply.headers(answered.headers).send(answered.body)
      return
  }
}

async function sendError(reply: FastifyReply, error: unknown): Promise<void> {
  const code =
    typeof (error as { statusCode?: unknown }).statusCode === 'number'
      ? (error as { statusCode: number }).statusCode
      : statusOf(error)
  await sendJson(reply, code, errorBody(code, error))
}

/** LXD's envelope around an error. */
export function errorBody(code: number, error: unknown): object {
  return {
    type: 'error',
    status: '',
    status_code: 0,
    operation: '',
    error_code: code,
    error: explain(error),
    metadata: null,
  }
}

async function sendJson(reply: FastifyReply, code: number, body: object): Promise<void> {
  if (reply.sent || reply.raw.destroyed) return
  // A text of our own making: Fastify's serializers would only slow it down.
  await reply
    .code(code)
    .header('content-type', 'application/json')
    .send(Buffer.from(`${JSON.stringify(body)}\n`))
}
