import type { Stats } from 'node:fs'
import { chmod, lchown, lstat, rm } from 'node:fs/promises'
import { connect } from 'node:net'
import { Failure } from '#base/failure.ts'
import { listen, serveApi, serverOptions } from './http-listener.ts'
import type { Api, Listener } from './http-listener.ts'
import { createServer } from './node-http.ts'

/** Where a listener takes local connections: a path made for a group, or a socket that systemd opened. */
export type UnixAddress = { readonly door: 'unix' | 'unix-user' } & (
  { readonly path: string; readonly gid: number; readonly mode: number } | { readonly descriptor: number }
)

/**
 * Serves the API on a Unix socket: owner root, the given group and mode. A socket that a dead daemon left is replaced;
 * one that answers is not, nor is anything else at the path, and a Failure says so. The socket goes when the listener
 * is disposed.
 */
export async function listenUnix(api: Api, address: UnixAddress): Promise<Listener> {
  const server = createServer(serverOptions)
  const { take, listener } = serveApi(server, api, address.door)
  server.on('connection', (socket) => take(socket, '@', { ip: '@', running: 0, drop: () => socket.destroy() }))
  if ('descriptor' in address) {
    await listen(server, { fd: address.descriptor })
    return listener
  }
  await removeStale(address.path)
  // Nobody may connect before owner and mode are right.
  const umask = process.umask(0o177)
  let listening
  try {
    // Binds before it returns: nothing else is made under this mask.
    listening = listen(server, { path: address.path })
  } finally {
    process.umask(umask)
  }
  await listening
  await lchown(address.path, 0, address.gid)
  await chmod(address.path, address.mode)
  return listener
}

async function removeStale(path: string): Promise<void> {
  const found = await lstatIfThere(path)
  if (!found) return
  if (!found.isSocket())
    throw new Failure('conflict', `Cannot listen on "${path}": there is something else than a socket`)
  const { promise, resolve } = Promise.withResolvers<string | undefined>()
  const socket = connect(path, () => resolve(undefined))
  socket.on('error', (error: NodeJS.ErrnoException) => resolve(error.code))
  const error = await promise
  socket.destroy()
  // Whatever else may be wrong, somebody listens: one with too many clients waiting answers EAGAIN.
  if (error !== 'ECONNREFUSED') throw new Failure('conflict', `Cannot listen on "${path}": LXD is already running`)
  await rm(path, { force: true })
}

async function lstatIfThere(path: string): Promise<Stats | undefined> {
  try {
    return await lstat(path)
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined
    throw error
  }
}
