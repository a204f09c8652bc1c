import { isIPv4 } from 'node:net'
import { addressToNumber } from '#base/address.ts'
import { Failure } from '#base/failure.ts'

export interface ThrottleOptions {
  /** How many failures an address may have before it is refused; 0 for no limit. */
  readonly limit: () => number
  /** How long after the last of them failures count, in milliseconds. */
  readonly expiry: () => number
  readonly now?: () => number
}

/** An attempt to prove who one is. It counts as failed until it is told that it succeeded. */
export interface Attempt {
  /** How long to wait before looking at it, in milliseconds. */
  readonly delay: number
  /** It was right: what failed before is forgotten. */
  succeeded(): void
  /** It was neither right nor wrong, and counts for nothing. */
  withdraw(): void
}

interface Entry {
  failures: number
  at: number
}

/** How many failures cost nothing: people mistype. */
const free = 3
const firstDelay = 100
const longestDelay = 5000

/** How many addresses are remembered. */
const maxEntries = 10_000

/**
 * Counts failed proofs of identity by address: each costs more time than the one before, and after too many of them
 * further ones are not even looked at. Attempts count from their beginning, so that many at once gain nothing.
 */
export class Throttle {
  readonly #options: ThrottleOptions
  readonly #now: () => number
  // Those that failed last are at the end.
  readonly #entries = new Map<string, Entry>()

  constructor(options: ThrottleOptions) {
    this.#options = options
    this.#now = options.now ?? Date.now
  }

  /** Begins an attempt of the client at `address`. Throws a too-many-requests Failure where it has failed too often. */
  begin(address: string): Attempt {
    const limit = this.#options.limit()
    if (limit === 0) return { delay: 0, succeeded: () => {}, withdraw: () => {} }
    const key = neighborhood(address)
    const now = this.#now()
    const expiry = this.#options.expiry()
    const known = this.#entries.get(key)
    const entry = known && now - known.at < expiry ? known : { failures: 0, at: now }
    if (entry.failures >= limit) {
      const seconds = Math.max(1, Math.ceil((entry.at + expiry - now) / 1000))
      throw new Failure('too-many-requests', `Too many failed authentications: try again in ${seconds} seconds`)
    }
    const delay = entry.failures < free ? 0 : Math.min(firstDelay * 2 ** (entry.failures - free), longestDelay)
    entry.failures += 1
    entry.at = now
    this.#remember(key, entry)
    return {
      delay,
      succeeded: () => void this.#entries.delete(key),
      withdraw: () => void (entry.failures = Math.max(0, entry.failures - 1)),
    }
  }

  /** How many addresses are remembered. */
  get size(): number {
    return this.#entries.size
  }

  #remember(key: string, entry: Entry): void {
    this.#entries.delete(key)
    this.#entries.set(key, entry)
    if (this.#entries.size <= maxEntries) return
    const [oldest] = this.#entries.keys()
    if (oldest !== undefined) this.#entries.delete(oldest)
  }
}

/** What one attacker can be expected to have: an address of IPv4, 64 bits of network of IPv6. */
export function neighborhood(address: string): string {
  const plain = address.toLowerCase().replace(/%.*$/, '')
  const mapped = plain.startsWith('::ffff:') ? plain.slice('::ffff:'.length) : plain
  if (isIPv4(mapped)) return mapped
  if (!plain.includes(':')) return plain
  return `${(addressToNumber(plain) >> 64n).toString(16)}::/64`
}
