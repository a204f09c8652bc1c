import type { Socket } from 'node:net'

import { unavailable } from '#base/failure.ts'

import { net } from './builtins.ts'

/** Where a daemon listens. */
export type Endpoint = UnixEndpoint | HttpsEndpoint

export interface UnixEndpoint {
  readonly kind: 'unix'
  readonly path: string
}

export interface HttpsEndpoint {
  readonly kind: 'https'
  readonly host: string
  readonly port: number
  /** PEM of the client's certificate and its key, to be recognised by. */
  readonly cert?: string
  readonly key?: string
  /** PEM of the one certificate the server may show. Without it, the authorities decide. */
  readonly serverCert?: string
  /** PEM of the authorities that count, in place of the system's. */
  readonly ca?: string
}

/** The value of the `Host` header for requests to `endpoint`. */
export function hostOf(endpoint: Endpoint): string {
  if (endpoint.kind === 'unix') return 'lxd'
  const host = endpoint.host.includes(':') ? `[${endpoint.host}]` : endpoint.host
  return `${host}:${endpoint.port}`
}

/** Opens a connection to `endpoint`. The caller destroys it; `signal` does too. */
export async function openStream(endpoint: Endpoint, signal?: AbortSignal): Promise<Socket> {
  signal?.throwIfAborted()
  const socket = endpoint.kind === 'unix' ? await openUnix(endpoint) : await openTls(endpoint)

  // Failures surface where the stream is read or written; without a listener
  // a late one would end the process.
  socket.on('error', () => {})
  if (signal !== undefined) {
    const abort = (): void => void socket.destroy(signal.reason instanceof Error ? signal.reason : undefined)
    signal.addEventListener('abort', abort)
    socket.once('close', () => signal.removeEventListener('abort', abort))
  }
  return socket
}

function openUnix({ path }: UnixEndpoint): Promise<Socket> {
  return new Promise((resolve, reject) => {
    const socket = net.connect({ path })
    const fail = (cause: Error): void => reject(unavailable(`Cannot connect to "${path}"`, { cause: reason(cause) }))
    socket.once('error', fail)
    socket.once('connect', () => {
      socket.off('error', fail)
      resolve(socket)
    })
  })
}

async function openTls(endpoint: HttpsEndpoint): Promise<Socket> {
  const { connectTls } = await import('./tls.ts')
  return await connectTls(endpoint, (cause) =>
    unavailable(`Cannot connect to "${hostOf(endpoint)}"`, { cause: reason(cause) }),
  )
}

/** A system error in words: `connect ENOENT /path` says the path again, its code does not. */
function reason(error: NodeJS.ErrnoException): unknown {
  if (error.code === 'ENOENT') return 'no such file or directory'
  if (error.code === 'EACCES') return 'permission denied'
  if (error.code === 'ECONNREFUSED') return 'connection refused'
  if (error.code === 'ENOTFOUND' || error.code === 'EAI_AGAIN') return 'no address is known for the name'
  return error
}
