import type { Socket } from 'node:net'
import { explain } from '#base/failure.ts'
import type { Log } from '#base/log.ts'
import { findIds } from '#host/name-service.ts'
import { peerCredentials, peerGroups, userName } from '#host/peer-credentials.ts'
import type { Run } from '#host/run.ts'
import type { Store } from '#store/store.ts'
import type { AccessStore } from './access-store.ts'
import type { Groups } from './groups.ts'
import type { Grant, Identity, Memberships } from './identity.ts'

export interface LocalUsersOptions {
  readonly store: Store
  readonly access: AccessStore
  readonly groups: Groups
  readonly run: Run
  readonly log: Log
  /** The group whose members are administrators, by id. */
  readonly gid: number
  readonly now?: () => number
}

/** Someone at the other end of a Unix socket. */
export interface Peer {
  readonly uid: number
  readonly pid: number
  readonly gids: ReadonlySet<number>
}

/** How long the host's answer to which id a name has is taken for true, in milliseconds. */
const maxAge = 10_000

interface Known {
  readonly users: ReadonlyMap<string, number>
  readonly groups: ReadonlyMap<string, number>
}

const nobody: Known = { users: new Map(), groups: new Map() }

/** Who of the host's users may use the API by being in a group, or by a group of the host that is in one. */
export class LocalUsers {
  readonly #options: LocalUsersOptions
  readonly #now: () => number
  #known = nobody
  #readAt = -Infinity
  #reading: Promise<void> | undefined

  constructor(options: LocalUsersOptions) {
    this.#options = options
    this.#now = options.now ?? Date.now
    options.store.watch(this.prefix, () => (this.#readAt = -Infinity))
  }

  /** Where in the store local users and groups are. */
  get prefix(): string {
    return `${this.#options.access.identities.key('unix')}/`
  }

  /** Whether anyone but administrators may do anything. */
  get any(): boolean {
    return this.#records().some(({ groups }) => groups.length > 0)
  }

  /** Who is at the other end, or undefined where the socket doesn't tell. */
  peer(socket: Socket): Peer | undefined {
    const credentials = peerCredentials(socket)
    if (!credentials) return undefined
    const { uid, pid, gid } = credentials
    return { uid, pid, gids: new Set([gid, ...peerGroups(socket)]) }
  }

  isAdministrator({ uid, gids }: Peer): boolean {
    return uid === 0 || gids.has(this.#options.gid)
  }

  /** Whether someone is in a group, as far as is known without asking the host. */
  isMapped(peer: Peer): boolean {
    return this.#options.groups.describe('unix', this.#memberships(peer)).effective.length > 0
  }

  /** Who someone is, or undefined for a user that may nothing. */
  async identify(peer: Peer): Promise<Identity | undefined> {
    const administrator = this.isAdministrator(peer)
    if (!administrator) {
      await this.refresh()
      if (!this.isMapped(peer)) return undefined
    }
    const username = userName(peer.uid)
    const memberships = () => this.#memberships(peer)
    const isKnown = () => administrator || this.isMapped(peer)
    const granted = () => this.#options.groups.grantsFor('unix', memberships())
    const all: readonly Grant[] = [{ role: 'admin' }]
    return {
      method: 'unix',
      id: username,
      // Read when asked for: what is withdrawn while a connection is open is so at once.
      get trusted() {
        return isKnown()
      },
      get grants() {
        return administrator ? all : granted()
      },
      get memberships() {
        return memberships()
      },
      requestor: { username, protocol: 'unix', address: '@' },
      peer: { address: '@', uid: peer.uid, pid: peer.pid },
    }
  }

  /** Asks the host for the ids of all users and groups there are, unless it was asked just now. */
  async refresh(): Promise<void> {
    if (this.#now() - this.#readAt < maxAge) return
    this.#reading ??= this.#read().finally(() => (this.#reading = undefined))
    await this.#reading
  }

  async #read(): Promise<void> {
    const startedAt = this.#now()
    // Set first: a change that comes meanwhile sets it back, and the next to ask reads again.
    this.#readAt = startedAt
    const named = (kind: string) =>
      this.#records().flatMap(({ id }) => (id.startsWith(`${kind}:`) ? [id.slice(kind.length + 1)] : []))
    const { run, log } = this.#options
    try {
      const [users, groups] = await Promise.all([
        findIds(run, 'passwd', named('user')),
        findIds(run, 'group', named('group')),
      ])
      this.#known = { users, groups }
    } catch (error) {
      // Who can't be told apart gets nothing.
      this.#known = nobody
      log.error('Cannot look up local users and groups', { error: explain(error) })
    }
  }

  #records() {
    return this.#options.access.identities.list('unix').map(({ value }) => value)
  }

  /** What someone can be known as: by number, and by the names the host last gave these numbers. */
  #memberships({ uid, gids }: Peer): Memberships {
    const { users, groups } = this.#known
    const isTheirs = (id: string) => {
      const colon = id.indexOf(':')
      const which = id.slice(colon + 1)
      switch (id.slice(0, colon)) {
        case 'uid':
          return uid === Number(which)
        case 'gid':
          return gids.has(Number(which))
        case 'user':
          return users.get(which) === uid
        case 'group':
          return gids.has(groups.get(which) ?? -1)
        default:
          return false
      }
    }
    return {
      ids: this.#records().flatMap(({ id }) => (isTheirs(id) ? [id] : [])),
      providerGroups: [],
    }
  }
}
