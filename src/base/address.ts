import { isIPv4, isIPv6 } from 'node:net'

/** An address with its prefix length, such as `10.1.2.1/24`. */
export interface Cidr {
  readonly address: string
  readonly prefix: number
  readonly family: 4 | 6
}

/** Reads an IP address of the given family, or of either. Gives it back as written but in lower case. */
export function parseAddress(text: string, family?: 4 | 6): string {
  const fits = family === 4 ? isIPv4(text) : family === 6 ? isIPv6(text) : isIPv4(text) || isIPv6(text)
  if (!fits || text.includes('%'))
    throw new Error(`Invalid address "${text}": expected an IP${family ? `v${family}` : ''} address`)
  return text.toLowerCase()
}

/** Reads an address with a prefix length. */
export function parseCidr(text: string, family?: 4 | 6): Cidr {
  const [address = '', length = '', ...rest] = text.split('/')
  const found = isIPv4(address) ? 4 : 6
  const prefix = Number(length)
  const widest = found === 4 ? 32 : 128
  if (rest.length > 0 || !/^\d{1,3}$/.test(length) || prefix > widest) {
    throw new Error(
      `Invalid address "${text}": expected an IP${family ? `v${family}` : ''} address and a prefix length, such as ${family === 6 ? 'fd42::1/64' : '10.1.2.1/24'}`,
    )
  }
  return { address: parseAddress(address, family), prefix, family: found }
}

/** An address as a number: 32 bits for IPv4, 128 for IPv6. */
export function addressToNumber(address: string): bigint {
  if (isIPv4(address)) return address.split('.').reduce((sum, part) => (sum << 8n) + BigInt(part), 0n)
  const dotted = /[\d.]+$/.exec(address)?.[0] ?? ''
  const low = dotted.includes('.') ? addressToNumber(dotted) : 0n
  const withoutV4 = dotted.includes('.')
    ? `${address.slice(0, -dotted.length)}${(low >> 16n).toString(16)}:${(low & 0xffffn).toString(16)}`
    : address
  const [head = '', tail] = withoutV4.split('::')
  const left = head === '' ? [] : head.split(':')
  const right = tail === undefined || tail === '' ? [] : tail.split(':')
  const zeros = tail === undefined ? [] : Array.from({ length: 8 - left.length - right.length }, () => '0')
  return [...left, ...zeros, ...right].reduce((sum, part) => (sum << 16n) + BigInt(`0x${part}`), 0n)
}

/** The address that a number stands for, IPv6 in the short form of RFC 5952. */
export function numberToAddress(value: bigint, family: 4 | 6): string {
  if (family === 4) return [24n, 16n, 8n, 0n].map((shift) => String((value >> shift) & 255n)).join('.')
  const groups = Array.from({ length: 8 }, (_, index) => ((value >> BigInt(112 - 16 * index)) & 0xffffn).toString(16))
  let best = { start: -1, length: 1 }
  for (let start = 0; start < 8; start++) {
    let length = 0
    while (groups[start + length] === '0') length++
    if (length > best.length) best = { start, length }
  }
  if (best.start < 0) return groups.join(':')
  return `${groups.slice(0, best.start).join(':')}::${groups.slice(best.start + best.length).join(':')}`
}

/**
 * The one spelling of an address: short, in lower case, without zone, and IPv4 where it stands for that (RFC 4291
 * section 2.5.5.2).
 */
export function canonicalAddress(text: string): string {
  const [address = ''] = text.split('%')
  if (isIPv4(address)) return address
  const value = addressToNumber(address)
  return value >> 32n === 0xffffn ? numberToAddress(value & 0xffff_ffffn, 4) : numberToAddress(value, 6)
}

/** The network an address lies in: its first address. */
export function networkOf({ address, prefix, family }: Cidr): Cidr {
  const bits = BigInt((family === 4 ? 32 : 128) - prefix)
  return { address: numberToAddress((addressToNumber(address) >> bits) << bits, family), prefix, family }
}

/** Whether `address` lies in the network of `cidr`. */
export function contains(cidr: Cidr, address: string): boolean {
  const family = isIPv4(address) ? 4 : 6
  if (family !== cidr.family) return false
  const bits = BigInt((family === 4 ? 32 : 128) - cidr.prefix)
  return addressToNumber(address) >> bits === addressToNumber(cidr.address) >> bits
}
