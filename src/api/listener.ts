import type { Server } from 'node:http'
import { chmod, chown, rm } from 'node:fs/promises'
import { connect } from 'node:net'
import type { Socket } from 'node:net'
import type { FastifyInstance } from 'fastify'
import { Failure } from '#base/failure.ts'
import { createServer } from './node-http.ts'
import { makeUpgrader } from './upgrades.ts'
import type { RouterOptions } from './router.ts'

/** Where a listener takes connections: a path made for a group, or a socket that systemd opened. */
export type UnixAddress = { readonly path: string; readonly gid: number } | { readonly descriptor: number }

/** How long connections have to end by themselves when a listener closes, in milliseconds. */
const closingGrace = 1000

/** A server for the API that does not listen yet. */
export function makeServer(app: FastifyInstance, options: RouterOptions): Server {
  const server = createServer(
    { requestTimeout: 0, headersTimeout: 60_000, keepAliveTimeout: 120_000 },
    (request, response) => {
      app.routing(request, response)
    },
  )
  server.on('upgrade', makeUpgrader(options))
  return server
}

/**
 * Listens on a Unix socket until what it returns is disposed: owner root, the given group, mode 0660. A socket that a dead daemon left is replaced; one
 * that answers is not, and a Failure says so.
 */
export async function listenUnix(server: Server, address: UnixAddress): Promise<AsyncDisposable> {
  const connections = new Set<Socket>()
  server.on('connection', (socket) => {
    connections.add(socket)
    socket.on('close', () => connections.delete(socket))
  })
  if ('descriptor' in address) await listen(server, { fd: address.descriptor })
  else await listenAt(server, address)
  return { [Symbol.asyncDispose]: () => close(server, connections) }
}

async function listenAt(server: Server, { path, gid }: { readonly path: string; readonly gid: number }): Promise<void> {
  await removeStale(path)
  // Nobody may connect before owner and mode are right.
  const umask = process.umask(0o177)
  try {
    await listen(server, { path })
  } finally {
    process.umask(umask)
  }
  await chown(path, 0, gid)
  await chmod(path, 0o660)
}

/** Ends a server; what goes on after a moment, websockets among it, is cut off. */
async function close(server: Server, connections: ReadonlySet<Socket>): Promise<void> {
  const { promise, resolve } = Promise.withResolvers<void>()
  server.close(() => resolve())
  server.closeIdleConnections()
  const timer = setTimeout(() => {
    for (const socket of connections) socket.destroy()
  }, closingGrace)
  await promise
  clearTimeout(timer)
}

async function listen(server: Server, where: { path: string } | { fd: number }): Promise<void> {
  const { promise, resolve, reject } = Promise.withResolvers<void>()
  server.once('error', reject)
  server.listen(where, resolve)
  await promise
  server.off('error', reject)
}

async function removeStale(path: string): Promise<void> {
  const { promise, resolve } = Promise.withResolvers<boolean>()
  const socket = connect(path, () => resolve(true))
  socket.on('error', () => resolve(false))
  const answers = await promise
  socket.destroy()
  if (answers) throw new Failure('conflict', `Cannot listen on "${path}": LXD is already running`)
  await rm(path, { force: true })
}
