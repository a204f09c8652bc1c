import { isIPv6 } from 'node:net'

/** How many lines one address gets in a window. */
const allowance = 30

/** The length of a window, in milliseconds. */
const windowLength = 60_000

/** How many addresses are counted apart; the others are counted together. */
const maxAddresses = 1024

interface Count {
  seen: number
  leftOut: number
}

/**
 * Counts lines about one address, so that whoever is denied again and again can't fill the log: so many a minute are
 * written, of the rest their number.
 */
export class Floods {
  readonly #onLeftOut: (address: string, count: number) => void
  readonly #counts = new Map<string, Count>()
  #timer: NodeJS.Timeout | undefined

  /** `onLeftOut` is told, at the end of a minute, how many lines about an address were left out in it. */
  constructor(onLeftOut: (address: string, count: number) => void) {
    this.#onLeftOut = onLeftOut
  }

  /** Whether a line about this address is to be written. One that is not is counted. */
  admit(address: string): boolean {
    const key = this.#keyOf(address)
    const count = this.#counts.get(key) ?? { seen: 0, leftOut: 0 }
    this.#counts.set(key, count)
    this.#timer ??= setTimeout(() => this.flush(), windowLength).unref()
    count.seen++
    if (count.seen <= allowance) return true
    count.leftOut++
    return false
  }

  /** Tells of what was left out so far, and begins a new window. */
  flush(): void {
    clearTimeout(this.#timer)
    this.#timer = undefined
    const counts = [...this.#counts]
    this.#counts.clear()
    for (const [address, { leftOut }] of counts) if (leftOut > 0) this.#onLeftOut(address, leftOut)
  }

  #keyOf(address: string): string {
    const key = networkOf(address)
    return this.#counts.has(key) || this.#counts.size < maxAddresses ? key : 'others'
  }
}

/** An address without its port; of an IPv6 address the /64 that one client has all of. */
export function networkOf(address: string): string {
  const host = /^\[(.*)\]:\d+$/.exec(address)?.[1] ?? /^([^:]*):\d+$/.exec(address)?.[1] ?? address
  if (!isIPv6(host)) return host
  const mapped = /^::ffff:(\d+\.\d+\.\d+\.\d+)$/i.exec(host)?.[1]
  if (mapped !== undefined) return mapped
  const [head = '', rest = ''] = host.split('%')[0]!.split('::', 2)
  const before = head === '' ? [] : head.split(':')
  const after = rest === '' ? [] : rest.split(':')
  const zeros = host.includes('::') ? Array<string>(Math.max(0, 8 - before.length - after.length)).fill('0') : []
  const groups = [...before, ...zeros, ...after].slice(0, 4).map((group) => group.replace(/^0+(?=.)/, '').toLowerCase())
  return `${groups.join(':')}::/64`
}
