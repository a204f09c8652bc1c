import type { IncomingMessage } from 'node:http'
import type { Socket } from 'node:net'
import type { Identity } from '#api/router.ts'
import { peerCredentials, userName } from '#host/peer-credentials.ts'

/**
 * Who sends a request over the Unix socket. The kernel lets nobody connect but root and the socket's group, and both
 * may do anything; their names go into events.
 */
export function identifyLocal(): (request: IncomingMessage) => Identity {
  const known = new WeakMap<Socket, Identity>()
  return ({ socket }) => {
    let identity = known.get(socket)
    if (!identity) {
      const credentials = peerCredentials(socket)
      const username = credentials ? userName(credentials.uid) : ''
      identity = { trusted: true, requestor: { username, protocol: 'unix', address: '@' } }
      known.set(socket, identity)
    }
    return identity
  }
}
