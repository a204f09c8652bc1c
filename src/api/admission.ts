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
 * something, the oldest. A connection on which a client has shown who it is counts as one of all and is never closed.
 */
export class Admission {
  #limits: AdmissionLimits
  readonly #all = new Set<Client>()
  /** The connections of strangers by where they come from, oldest first. */
  readonly #strangers = new Map<string, Set<Client>>()
  #strangerCount = 0
  readonly #bySocket = new WeakMap<Socket, Client>()

  constructor(limits: AdmissionLimits) {
    this.#limits = limits
  }

  /** From now on these hold; connections that are too many go. */
  setLimits(limits: AdmissionLimits): void {
    this.#limits = limits
    while (!this.#hasRoomFor(0) && this.#dropOne(this.#heaviest())) continue
    for (const group of [...this.#strangers.values()]) {
      while (group.size > limits.perAddress) this.#dropOne(group)
    }
  }

  /**
   * Counts a connection in, making room for it where there is none. False where all room is taken by known clients; the
   * connection is then to be closed.
   */
  admit(client: Client): boolean {
    const group = this.#strangers.get(groupOf(client.ip))
    if (group && group.size >= this.#limits.perAddress) this.#dropOne(group)
    while (!this.#hasRoomFor(1)) if (!this.#dropOne(this.#heaviest())) return false
    this.#all.add(client)
    this.#addStranger(client)
    return true
  }

  /** Tells by which socket the requests of a client come. */
  bind(socket: Socket, client: Client): void {
    this.#bySocket.set(socket, client)
  }

  /** The client that uses this socket has shown that the server knows it. */
  trust(socket: Socket): void {
    const client = this.#bySocket.get(socket)
    if (client) this.#removeStranger(client)
  }

  /** Counts out a connection that has ended. */
  leave(client: Client): void {
    this.#all.delete(client)
    this.#removeStranger(client)
  }

  /** How many connections there are. */
  get counts(): { readonly total: number; readonly untrusted: number } {
    return { total: this.#all.size, untrusted: this.#strangerCount }
  }

  #addStranger(client: Client): void {
    const name = groupOf(client.ip)
    const group = this.#strangers.get(name)
    if (group) group.add(client)
    else this.#strangers.set(name, new Set([client]))
    this.#strangerCount++
  }

  #removeStranger(client: Client): void {
    const name = groupOf(client.ip)
    const group = this.#strangers.get(name)
    if (!group?.delete(client)) return
    this.#strangerCount--
    if (group.size === 0) this.#strangers.delete(name)
  }

  #hasRoomFor(more: number): boolean {
    return this.#all.size + more <= this.#limits.total && this.#strangerCount + more <= this.#limits.untrusted
  }

  #heaviest(): Set<Client> | undefined {
    let heaviest: Set<Client> | undefined
    for (const group of this.#strangers.values()) if (!heaviest || group.size > heaviest.size) heaviest = group
    return heaviest
  }

  #dropOne(group: Set<Client> | undefined): boolean {
    const victim = group && (firstIdle(group) ?? group.values().next().value)
    if (!victim) return false
    this.leave(victim)
    victim.drop()
    return true
  }
}

function firstIdle(group: Set<Client>): Client | undefined {
  for (const client of group) if (client.running === 0) return client
  return undefined
}

/** What is counted as one place: an IPv4 address, or the first 64 bits of an IPv6 address. */
function groupOf(ip: string): string {
  if (!isIPv6(ip)) return ip
  return numberToAddress((addressToNumber(ip) >> 64n) << 64n, 6)
}
