import type { IncomingMessage } from 'node:http'
import type { Socket } from 'node:net'
import { peerCredentials, userName } from '#host/peer-credentials.ts'
import type { Connections } from './connections.ts'
import type { Identity } from './identity.ts'
import { noMemberships, stranger } from './identity.ts'

export interface ResolverOptions {
  readonly connections: Connections
}

/** The one way from a request to who sends it. What can't be proved is a stranger's. */
export class IdentityResolver {
  readonly #connections: Connections
  readonly #local = new WeakMap<Socket, Identity>()

  constructor(options: ResolverOptions) {
    this.#connections = options.connections
  }

  async resolve({ socket }: IncomingMessage): Promise<Identity> {
    const connection = this.#connections.get(socket)
    if (connection?.door === 'unix') return this.#administrator(socket)
    return stranger(connection?.address ?? '')
  }

  /** The kernel lets nobody connect to this socket but root and its group, and both may do anything. */
  #administrator(socket: Socket): Identity {
    const known = this.#local.get(socket)
    if (known) return known
    const credentials = peerCredentials(socket)
    const username = credentials ? userName(credentials.uid) : ''
    const identity: Identity = {
      method: 'unix',
      id: username,
      trusted: true,
      grants: [{ role: 'admin' }],
      memberships: noMemberships,
      requestor: { username, protocol: 'unix', address: '@' },
      peer: { address: '@', ...(credentials ? { uid: credentials.uid, pid: credentials.pid } : {}) },
    }
    this.#local.set(socket, identity)
    return identity
  }
}
