import type { IncomingMessage } from 'node:http'
import type { Duplex } from 'node:stream'
import { WebSocketServer } from 'ws'
import { Failure, badRequest, explain, kindOf, notFound, unavailable } from '#base/failure.ts'
import type { Route, Takeover, Upgrade } from './route.ts'
import { auditedRequest, denialOf } from './audited.ts'
import { STATUS_CODES } from './node-http.ts'
import { errorBody, parseQuery, requestOf } from './router.ts'
import type { Services } from './services.ts'
import type { RouterOptions } from './router.ts'
import { statusOf } from './status.ts'

interface Target {
  readonly path: string
  readonly pattern: RegExp
  readonly upgrade: Upgrade | Takeover
}

/** The most one websocket message may hold, in bytes. */
const maxMessage = 16 << 20

/** Takes over the connections of clients that ask for a websocket, or what else a path offers. To be called for the `upgrade` event of a server. */
export function makeUpgrader(options: RouterOptions) {
  const targets = options.routes.flatMap(toTarget)
  const server = new WebSocketServer({ noServer: true, maxPayload: maxMessage, perMessageDeflate: false })

  return (http: IncomingMessage, socket: Duplex, head: Buffer): void => {
    socket.on('error', () => socket.destroy())
    open(options, targets, http, socket).then(
      (accept) => {
        if ('protocol' in accept) return takeOver(accept, socket, head)
        server.handleUpgrade(http, socket, head, (websocket) => {
          websocket.on('error', () => websocket.terminate())
          accept.take(websocket)
        })
      },
      (error: unknown) => {
        if (!(error instanceof Failure))
          options.log.error('Upgrade failed', { path: http.url?.split('?', 1)[0], error: explain(error) })
        const challenge = kindOf(error) === 'unauthorized' ? options.challenge?.() : undefined
        refuse(socket, error, statusOf(error), challenge)
      },
    )
  }
}

interface TakenOver {
  readonly protocol: string
  readonly take: (socket: Duplex) => void
}

function takeOver({ protocol, take }: TakenOver, socket: Duplex, head: Buffer): void {
  socket.write(`HTTP/1.1 101 Switching Protocols\r\nUpgrade: ${protocol}\r\nConnection: Upgrade\r\n\r\n`)
  if (head.length > 0) socket.unshift(head)
  take(socket)
}

/** Gets ready what takes the connection. */
async function accepted(
  upgrade: Upgrade | Takeover,
  services: Services,
  request: Parameters<Upgrade['open']>[1],
): Promise<TakenOver | { readonly take: ReturnType<Upgrade['open']> }> {
  const { upgrade: wanted = '' } = request.headers
  const protocol = 'protocol' in upgrade ? upgrade.protocol : 'websocket'
  if (wanted.toLowerCase() !== protocol)
    throw badRequest(`Cannot take over the connection: expected "Upgrade: ${protocol}"`)
  if ('protocol' in upgrade) return { protocol, take: await upgrade.open(services, request) }
  return { take: upgrade.open(services, request) }
}

function toTarget(route: Route): Target[] {
  if (!route.upgrade) return []
  const pattern = new RegExp(
    `^${route.path.replaceAll('.', String.raw`\.`).replaceAll(/\{(\w+)\}/g, '(?<$1>[^/]+)')}/?$`,
  )
  return [{ path: route.path, pattern, upgrade: route.upgrade }]
}

async function open(options: RouterOptions, targets: readonly Target[], http: IncomingMessage, socket: Duplex) {
  if (!options.ready()) throw unavailable('LXD daemon is starting up')
  const [path = '', search = ''] = (http.url ?? '').split('?', 2)
  for (const { path: route, pattern, upgrade } of targets) {
    const match = pattern.exec(path)
    if (!match) continue
    const identity = await options.identify(http)
    const gone = new AbortController()
    const session = options.sessions?.track(identity, () => socket.destroy())
    socket.once('close', () => {
      gone.abort()
      session?.[Symbol.dispose]()
    })
    const params = decodeAll(match.groups ?? {})
    const parts = { raw: http, params, query: parseQuery(search), identity, signal: gone.signal }
    const audited = auditedRequest({ ...parts, method: 'WEBSOCKET', route: { ...upgrade, path: route } })
    const trail = options.audit.request(audited)
    try {
      const request = requestOf(options.projects, upgrade, parts)
      trail.allowed()
      // Before it is opened: what the session is told of is to come true at once.
      await trail.onDisk()
      const accept = await accepted(upgrade, options.services, request)
      void trail.answered({ status: 101 })
      socket.once('close', () => trail.closed())
      return accept
    } catch (error) {
      await trail.answered({ status: statusOf(error) }, denialOf(error, identity, audited.project))
      throw error
    }
  }
  throw notFound('not found')
}

function decodeAll(groups: Readonly<Record<string, string>>): Record<string, string> {
  try {
    return Object.fromEntries(Object.entries(groups).map(([name, text]) => [name, decodeURIComponent(text)]))
  } catch (cause) {
    throw badRequest('Invalid path: expected percent-encoded UTF-8', { cause })
  }
}

/** Answers a client that asked for a websocket with an error, and ends the connection. */
export function refuse(
  socket: Duplex,
  error: unknown,
  code = statusOf(error),
  headers: Readonly<Record<string, string>> = {},
): void {
  const body = `${JSON.stringify(errorBody(code, error))}\n`
  const more = Object.entries(headers).map(([name, value]) => `${name}: ${value}\r\n`)
  socket.end(
    `HTTP/1.1 ${code} ${STATUS_CODES[code] ?? 'Error'}\r\nContent-Type: application/json\r\n${more.join('')}` +
      `Content-Length: ${Buffer.byteLength(body)}\r\nConnection: close\r\n\r\n${body}`,
  )
}
