import type { Socket } from 'node:net'
import type { Connection } from './connections.ts'
import type { LocalUsers } from './local-users.ts'

/** The most connections one user has at a time. */
const perUser = 256
/** The same for one who may nothing, and for all of them together: enough to be told so. */
const perStranger = 4
const strangers = 64

/**
 * Bounds the connections to the socket that every local user can connect to, so that none of them keeps the others,
 * or the daemon, from their work. Administrators have no bounds.
 */
export class LocalAdmission {
  readonly #users: LocalUsers
  readonly #byUser = new Map<string, number>()

  constructor(users: LocalUsers) {
    this.#users = users
  }

  /** Whether a connection may stay. */
  readonly admit = (socket: Socket, { door }: Connection): boolean => {
    if (door !== 'unix-user') return true
    const peer = this.#users.peer(socket)
    if (!peer) return false
    if (this.#users.isAdministrator(peer)) return true
    const isMapped = this.#users.isMapped(peer)
    const counted = isMapped ? [`${peer.uid}`] : [`stranger ${peer.uid}`, 'strangers']
    const bounds = isMapped ? [perUser] : [perStranger, strangers]
    if (counted.some((name, index) => (this.#byUser.get(name) ?? 0) >= (bounds[index] ?? 0))) return false
    for (const name of counted) this.#change(name, 1)
    socket.once('close', () => {
      for (const name of counted) this.#change(name, -1)
    })
    return true
  }

  #change(name: string, by: number): void {
    const count = (this.#byUser.get(name) ?? 0) + by
    if (count > 0) this.#byUser.set(name, count)
    else this.#byUser.delete(name)
  }
}
