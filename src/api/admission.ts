import { isIPv6 } from 'node:net'
import type { Socket } from 'node:net'
import { addressToNumber, numberToAddress } from '#base/address.ts'

/** How many connections there may be at a time. */
export interface AdmissionLimits {
  readonly total: number
  /** Those of clients that the server doesn't know, or doesn't know yet. */
  readonly untrusted: number
  /** Of these, those from one IPv4 address or one IPv6 network of 64 bits, which is what one subscriber has. */
  readonly perAddress: number
}

/** A remote client's connection. */
export interface Client {
  /** Its IP address. */
  readonly ip: string
  /** How many requests run on it; a websocket counts as one that lasts. */
  running: number
  /** Ends it, whatever runs on it. */
  drop(): void
}

/**
 * Bounds what remote clients can hold open. Where there is a shortage, strangers pay and not the newcomer, who may be
 * an administrator: of the address with the most connections the oldest that does nothing is closed, and if all do
 * something, the oldest. A connection on which a client has shown who it is counts among all only; it is closed where
 * there are no strangers left to close and it does nothing.
 */
export class Admission {
  #limits: AdmissionLimits
  readonly #strangers = new Groups()
  readonly #known = new Groups()
  readonly #bySocket = new WeakMap<Socket, Client>()

  constructor(limits: AdmissionLimits) {
    this.#limits = limits
  }

  /** From now on these hold; connections of strangers that are too many go. */
  setLimits(limits: AdmissionLimits): void {
    this.#limits = limits
    while (!this.#hasRoomFor(0) && drop(this.#strangers, this.#strangers.heaviest)) continue
    for (const group of this.#strangers.all) while (group.size > limits.perAddress) drop(this.#strangers, group)
  }

  /**
   * Counts a connection in, making room for it where there is none. False where all room is taken by known clients that
   * do something; the connection is then to be closed.
   */
  admit(client: Client): boolean {
    const group = this.#strangers.of(client)
    if (group && group.size >= this.#limits.perAddress) drop(this.#strangers, group)
    while (!this.#hasRoomFor(1)) {
      if (!drop(this.#strangers, this.#strangers.heaviest) && !dropIdle(this.#known)) return false
    }
    this.#strangers.add(client)
    return true
  }

  /** Tells by which socket the requests of a client come. */
  bind(socket: Socket, client: Client): void {
    this.#bySocket.set(socket, client)
  }

  /** The client that uses this socket has shown that the server knows it. */
  trust(socket: Socket): void {
    const client = this.#bySocket.get(socket)
    if (!client) return
    // Said once; the next request need not ask.
    this.#bySocket.delete(socket)
    if (this.#strangers.delete(client)) this.#known.add(client)
  }

  /** Counts out a connection that has ended. */
  leave(client: Client): void {
    this.#strangers.delete(client)
    this.#known.delete(client)
  }

  /** How many connections there are. */
  get counts(): { readonly total: number; readonly untrusted: number } {
    return { total: this.#strangers.size + this.#known.size, untrusted: this.#strangers.size }
  }

  #hasRoomFor(more: number): boolean {
    const { total, untrusted } = this.counts
    return total + more <= this.#limits.total && untrusted + more <= this.#limits.untrusted
  }
}

/** Connections by where they come from, oldest first. */
class Groups {
  readonly #groups = new Map<string, Set<Client>>()
  #size = 0

  get size(): number {
    return this.#size
  }

  get all(): readonly Set<Client>[] {
    return [...this.#groups.values()]
  }

  /** The group with the most connections. */
  get heaviest(): Set<Client> | undefined {
    let heaviest: Set<Client> | undefined
    for (const group of this.#groups.values()) if (!heaviest || group.size > heaviest.size) heaviest = group
    return heaviest
  }

  of(client: Client): Set<Client> | undefined {
    return this.#groups.get(placeOf(client.ip))
  }

  add(client: Client): void {
    const group = this.of(client)
    if (group) group.add(client)
    else this.#groups.set(placeOf(client.ip), new Set([client]))
    this.#size++
  }

  /** Whether it was there. */
  delete(client: Client): boolean {
    const group = this.of(client)
    if (!group?.delete(client)) return false
    this.#size--
    if (group.size === 0) this.#groups.delete(placeOf(client.ip))
    return true
  }
}

/** Closes a connection of a group, whether it does something or not; false where there is none. */
function drop(groups: Groups, group: Set<Client> | undefined): boolean {
  return end(groups, group && (firstIdle(group) ?? group.values().next().value))
}

/** Closes a connection that does nothing, of the address with the most; false where it has none. */
function dropIdle(groups: Groups): boolean {
  return end(groups, groups.heaviest && firstIdle(groups.heaviest))
}

function end(groups: Groups, client: Client | undefined): boolean {
  if (!client) return false
  groups.delete(client)
  client.drop()
  return true
}

function firstIdle(group: Set<Client>): Client | undefined {
  for (const client of group) if (client.running === 0) return client
  return undefined
}

/** What is counted as one place: an IPv4 address, or the first 64 bits of an IPv6 address. */
function placeOf(ip: string): string {
  if (!isIPv6(ip)) return ip
  return numberToAddress((addressToNumber(ip) >> 64n) << 64n, 6)
}
