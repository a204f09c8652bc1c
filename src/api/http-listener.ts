import type { IncomingMessage, Server } from 'node:http'
import type { Socket } from 'node:net'
import type { FastifyInstance } from 'fastify'
import type { Connections, Door } from '#auth/connections.ts'
import { notFound } from '#base/failure.ts'
import type { Client } from './admission.ts'
import { answerRefused, inspect } from './browsers.ts'
import { recordForeign } from './audited.ts'
import type { BrowserPolicy, Refusal } from './browsers.ts'
import { makeUpgrader, refuse } from './upgrades.ts'
import type { RouterOptions } from './router.ts'

/** The API as a listener serves it. */
export interface Api {
  readonly app: FastifyInstance
  readonly options: RouterOptions
  /** Where every listener tells of its connections. */
  readonly connections: Connections
  /** What pages in browsers may do, at the moment. */
  readonly browsers: () => BrowserPolicy
}

/** An open door of the daemon. Disposing it gives what runs a moment to end and then cuts it off. */
export interface Listener extends AsyncDisposable {
  /**
   * Takes no more connections and closes idle ones; running requests and websockets go on to their end. Calls `ended`
   * when the last is over.
   */
  retire(ended: () => void): void
}

/** A server that answers from the API, and how it is told of its connections. */
export interface Served {
  readonly listener: Listener
  /** To be called for each connection before anything is read from it. */
  readonly take: (socket: Socket, address: string, client: Client) => void
}

/** How long connections have to end by themselves when a listener is disposed, in milliseconds. */
const closingGrace = 1000

/** What servers of the API have in common: nothing bounds how long an answer takes, and clients may stay a while. */
export const serverOptions = {
  requestTimeout: 0,
  headersTimeout: 60_000,
  keepAliveTimeout: 120_000,
  // Names, values and the first line together, in bytes.
  maxHeaderSize: 16_384,
  // Other upgrades may be left alone (RFC 9110 section 7.8).
  shouldUpgradeCallback: ({ headers }: IncomingMessage) => /^(websocket|sftp)$/i.test(headers.upgrade ?? ''),
} as const

/** Makes a server answer from the API. To be called before it listens. */
export function serveApi(server: Server, api: Api, door: Door): Served {
  const { app, options, connections } = api
  const clients = new Map<Socket, Client>()
  let retired = false
  const writeDown = (request: IncomingMessage, { code }: Refusal) => {
    const address = connections.get(request.socket)?.address ?? ''
    if (code === 403) recordForeign(options.audit, request.method ?? '', address)
  }
  const count = (socket: Socket, change: number) => {
    const client = clients.get(socket)
    if (!client) return
    client.running += change
    if (retired && client.running === 0) socket.destroySoon()
  }
  // Headers beyond a number would be dropped without a word; their size is bounded.
  server.maxHeadersCount = 0
  server.on('request', (request, response) => {
    count(request.socket, 1)
    response.once('close', () => count(request.socket, -1))
    if (retired) response.shouldKeepAlive = false
    const { refusal, headers } = inspect(request, door, api.browsers())
    for (const [name, value] of headers) response.setHeader(name, value)
    if (refusal) {
      writeDown(request, refusal)
      answerRefused(response, refusal)
    } else if (door === 'metrics' && !isMetrics(request)) answerRefused(response, nothingElse)
    else if (request.method === 'OPTIONS') response.writeHead(200, { 'content-length': 0 }).end()
    else app.routing(request, response)
  })
  const upgrade = makeUpgrader(options)
  server.on('upgrade', (request, socket, head) => {
    count(request.socket, 1)
    const { refusal } = inspect(request, door, api.browsers())
    if (refusal) {
      writeDown(request, refusal)
      refuse(socket, refusal.error, refusal.code)
    } else if (door === 'metrics') refuse(socket, nothingElse.error)
    else upgrade(request, socket, head)
  })

  const take = (socket: Socket, address: string, client: Client) => {
    clients.set(socket, client)
    socket.once('close', () => clients.delete(socket))
    connections.add(socket, { door, address })
  }
  const retire = (ended: () => void) => {
    retired = true
    server.close(ended)
    for (const [socket, { running }] of clients) if (running === 0) socket.destroy()
  }
  return { take, listener: { retire, [Symbol.asyncDispose]: () => close(server, clients) } }
}

/** What the listener for metrics says to all other requests. */
const nothingElse = { code: 404, error: notFound('not found') }

/** Whether a request is for the metrics of instances. */
export function isMetrics({ url = '' }: IncomingMessage): boolean {
  return url.split('?', 1)[0] === '/1.0/metrics'
}

/** Ends a server; what goes on after a moment, websockets among it, is cut off. */
async function close(server: Server, clients: ReadonlyMap<Socket, unknown>): Promise<void> {
  const { promise, resolve } = Promise.withResolvers<void>()
  server.close(() => resolve())
  server.closeIdleConnections()
  const timer = setTimeout(() => {
    for (const socket of clients.keys()) socket.destroy()
  }, closingGrace)
  await promise
  clearTimeout(timer)
}

/** Starts to listen; throws where that can't be. */
export async function listen(
  server: Server,
  where: { readonly path: string } | { readonly fd: number } | { readonly host?: string; readonly port: number },
): Promise<void> {
  const { promise, resolve, reject } = Promise.withResolvers<void>()
  server.once('error', reject)
  server.listen({ ...where, backlog: 4096 }, resolve)
  await promise
  server.off('error', reject)
}
