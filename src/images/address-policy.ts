import { isIPv4 } from 'node:net'
import { addressToNumber, contains, numberToAddress, parseCidr } from '#base/address.ts'
import type { Cidr } from '#base/address.ts'

/**
 * Which servers someone may have this one connect to. `any`: administrators, who could reach them from here anyway.
 * `global`: others, whom this server must not lend its own place in the network to.
 */
export type Reach = 'any' | 'global'

/** The networks that `global` reach is open to, beyond the addresses of the public internet. */
export interface AddressPolicy {
  readonly reach: Reach
  readonly allowed: readonly Cidr[]
}

/**
 * What no one reaches through the public internet: IANA's registries of special-purpose addresses (RFC 6890), multicast,
 * and the prefixes that carry an IPv4 address inside.
 */
const special: readonly Cidr[] = [
  '0.0.0.0/8',
  '10.0.0.0/8',
  '100.64.0.0/10',
  '127.0.0.0/8',
  '169.254.0.0/16',
  '172.16.0.0/12',
  '192.0.0.0/24',
  '192.0.2.0/24',
  '192.88.99.0/24',
  '192.168.0.0/16',
  '198.18.0.0/15',
  '198.51.100.0/24',
  '203.0.113.0/24',
  '224.0.0.0/3',
].map((text) => parseCidr(text, 4))

/** All that is in use of the public IPv6 internet, and within it what is not. */
const globalV6 = parseCidr('2000::/3', 6)
const specialV6: readonly Cidr[] = ['2001::/23', '2001:db8::/32', '2002::/16', '3fff::/20'].map((text) =>
  parseCidr(text, 6),
)
const mappedV4 = parseCidr('::ffff:0:0/96', 6)

/**
 * Whether a connection to `address`, an IP address, may be made. `own` are the addresses of this host, none of which is
 * open to `global` reach, wherever they lie.
 */
export function mayConnect({ reach, allowed }: AddressPolicy, address: string, own: readonly string[]): boolean {
  if (reach === 'any') return true
  const plain = withoutMapping(address)
  if (allowed.some((network) => contains(network, plain))) return true
  if (own.some((one) => withoutMapping(one) === plain)) return false
  if (isIPv4(plain)) return !special.some((network) => contains(network, plain))
  return contains(globalV6, plain) && !specialV6.some((network) => contains(network, plain))
}

/** The kernel connects an IPv4-mapped IPv6 address by IPv4. Other addresses in their shortest form. */
function withoutMapping(address: string): string {
  if (isIPv4(address)) return address
  const number = addressToNumber(address.replace(/%.*$/, ''))
  const plain = numberToAddress(number, 6)
  return contains(mappedV4, plain) ? numberToAddress(number & 0xffffffffn, 4) : plain
}
