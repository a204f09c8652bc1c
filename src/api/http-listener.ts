import type { Server } from 'node:http'
import type { Socket } from 'node:net'
import type { FastifyInstance } from 'fastify'
import type { Connections, Door } from '#auth/connections.ts'
import { formatListenAddress } from '#base/listen-address.ts'
import { makeUpgrader } from './upgrades.ts'
import type { RouterOptions } from './router.ts'

/** The API as a listener serves it. */
export interface Api {
  readonly app: FastifyInstance
  readonly options: RouterOptions
  /** Where every listener tells of its connections. */
  readonly connections: Connections
}

/** An open door of the daemon. Disposing it gives what runs a moment to end and then cuts it off. */
export interface Listener extends AsyncDisposable {
  /**
   * Takes no more connections and closes idle ones; running requests and websockets go on to their end. Calls `ended`
   * when the last is over.
   */
  retire(ended: () => void): void
}

/** How long connections have to end by themselves when a listener is disposed, in milliseconds. */
const closingGrace = 1000

/** What servers of the API have in common: nothing bounds how long an answer takes, and clients may stay a while. */
export const serverOptions = { requestTimeout: 0, headersTimeout: 60_000, keepAliveTimeout: 120_000 } as const

/** Answers the requests of a server from the API. To be called before it listens. */
export function serveApi(server: Server, { app, options, connections: known }: Api, door: Door): Listener {
  /** Connections with how many requests run on each; a websocket counts as one that lasts. */
  const connections = new Map<Socket, number>()
  let retired = false
  const count = (socket: Socket, change: number) => {
    const running = connections.get(socket)
    if (running === undefined) return
    connections.set(socket, running + change)
    if (retired && running + change === 0) socket.destroySoon()
  }
  const hold = (socket: Socket) => {
    connections.set(socket, 0)
    socket.once('close', () => connections.delete(socket))
  }
  server.on('connection', (socket) => {
    hold(socket)
    if (door.startsWith('unix')) known.add(socket, { door, address: '@' })
  })
  // Requests of a TLS server come from the secure socket, which stands in for the one below from here on.
  server.on('secureConnection', (socket) => {
    connections.delete(lower(connections, socket))
    hold(socket)
    known.add(socket, { door, address: addressOf(socket) })
  })
  server.on('request', (request, response) => {
    count(request.socket, 1)
    response.once('close', () => count(request.socket, -1))
    if (retired) response.shouldKeepAlive = false
    app.routing(request, response)
  })
  const upgrade = makeUpgrader(options)
  server.on('upgrade', (request, socket, head) => {
    count(request.socket, 1)
    upgrade(request, socket, head)
  })

  const retire = (ended: () => void) => {
    retired = true
    server.close(ended)
    for (const [socket, running] of connections) if (running === 0) socket.destroy()
  }
  return { retire, [Symbol.asyncDispose]: () => close(server, connections) }
}

/** The connection that a secure socket was made on: the two have the same peer. */
function lower(connections: ReadonlyMap<Socket, number>, secure: Socket): Socket {
  for (const socket of connections.keys()) {
    if (socket !== secure && socket.remotePort === secure.remotePort && socket.remoteAddress === secure.remoteAddress) {
      return socket
    }
  }
  return secure
}

/** `ADDRESS:PORT` of the peer; an IPv4 client of an IPv6 socket has its IPv4 address. */
function addressOf({ remoteAddress = '', remotePort = 0 }: Socket): string {
  return formatListenAddress({ host: remoteAddress.replace(/^::ffff:(?=[\d.]+$)/, ''), port: remotePort })
}

/** Ends a server; what goes on after a moment, websockets among it, is cut off. */
async function close(server: Server, connections: ReadonlyMap<Socket, number>): Promise<void> {
  const { promise, resolve } = Promise.withResolvers<void>()
  server.close(() => resolve())
  server.closeIdleConnections()
  const timer = setTimeout(() => {
    for (const socket of connections.keys()) socket.destroy()
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
