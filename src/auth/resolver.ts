import type { IncomingMessage } from 'node:http'
import type { Socket } from 'node:net'
import { forbidden } from '#base/failure.ts'
import { peerCredentials, userName } from '#host/peer-credentials.ts'
import type { OnAuthenticationFailure } from './admission.ts'
import type { Connections } from './connections.ts'
import type { Identity } from './identity.ts'
import type { LocalUsers, Peer } from './local-users.ts'
import { noMemberships, stranger } from './identity.ts'
import type { Oidc } from './oidc/oidc.ts'
import type { RemoteClients } from './remote-clients.ts'

export interface ResolverOptions {
  readonly connections: Connections
  readonly localUsers: LocalUsers
  readonly remoteClients: RemoteClients
  readonly oidc: Oidc
  readonly onFailure: OnAuthenticationFailure
}

/** The one way from a request to who sends it. What can't be proved is a stranger's. */
export class IdentityResolver {
  readonly #connections: Connections
  readonly #localUsers: LocalUsers
  readonly #remoteClients: RemoteClients
  readonly #oidc: Oidc
  readonly #onFailure: OnAuthenticationFailure
  readonly #local = new WeakMap<Socket, Identity>()
  readonly #peers = new WeakMap<Socket, Peer>()

  constructor(options: ResolverOptions) {
    this.#connections = options.connections
    this.#localUsers = options.localUsers
    this.#remoteClients = options.remoteClients
    this.#oidc = options.oidc
    this.#onFailure = options.onFailure
  }

  async resolve({ socket, headers }: IncomingMessage): Promise<Identity> {
    const connection = this.#connections.get(socket)
    if (connection?.door === 'unix') return this.#administrator(socket)
    if (connection?.door === 'unix-user') return await this.#localUser(socket)
    const isRemote = connection?.door === 'tls' || connection?.door === 'metrics'
    if (!isRemote) return stranger(connection?.address ?? '')
    const { authorization } = headers
    const user = authorization === undefined ? undefined : await this.#oidc.identify(authorization, connection.address)
    return user ?? this.#remoteClients.identify(socket, connection.address)
  }

  /** Anyone can connect here. Who may nothing is told so, whatever they ask for. */
  async #localUser(socket: Socket): Promise<Identity> {
    const peer = this.#peers.get(socket) ?? this.#localUsers.peer(socket)
    const identity = peer && (await this.#localUsers.identify(peer))
    if (!identity) {
      this.#onFailure({
        method: 'unix',
        address: '@',
        id: peer ? userName(peer.uid) : '',
        reason: 'the user has no role',
      })
      throw forbidden('not authorized')
    }
    this.#peers.set(socket, peer)
    return identity
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
