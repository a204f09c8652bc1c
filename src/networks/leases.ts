import { isIPv4, isIPv6 } from 'node:net'

/** An address that dnsmasq has given out. */
export interface Lease {
  readonly address: string
  /** Empty where it can not be told. */
  readonly hwaddr: string
  /** The name as DNS knows it; empty for none. */
  readonly hostname: string
}

const maxLeases = 100_000

/**
 * The leases in dnsmasq's lease file: for IPv4 `EXPIRY MAC ADDRESS NAME CLIENT-ID`, then a line with the server's DUID
 * and for IPv6 `EXPIRY IAID ADDRESS NAME CLIENT-DUID`. Lines that are not so are passed over: what is in them came
 * from clients.
 */
export function parseLeases(text: string): Lease[] {
  return text
    .split('\n', maxLeases)
    .map(parseLine)
    .filter((lease) => lease !== undefined)
}

function parseLine(line: string): Lease | undefined {
  const [expiry = '', who = '', address = '', name = '', id = '', ...rest] = line.split(' ')
  if (!/^\d{1,20}$/.test(expiry) || id === '' || rest.length > 0) return undefined
  const hostname = /^[\w.-]{1,253}$/.test(name) ? name : ''
  if (isIPv4(address)) {
    // A hardware type other than Ethernet comes first as `06-`.
    const hwaddr = who.toLowerCase()
    return /^([0-9a-f]{2}:){5}[0-9a-f]{2}$/.test(hwaddr) ? { address, hwaddr, hostname } : undefined
  }
  return isIPv6(address) ? { address: address.toLowerCase(), hwaddr: macOfDuid(id), hostname } : undefined
}

/** The MAC address in a DUID-LLT or DUID-LL for Ethernet (RFC 8415 section 11); other kinds have none. */
function macOfDuid(duid: string): string {
  const match = /^(?:00:01:00:01:(?:[0-9a-f]{2}:){4}|00:03:00:01:)((?:[0-9a-f]{2}:){5}[0-9a-f]{2})$/i.exec(duid)
  return match?.[1]?.toLowerCase() ?? ''
}

/** The address a client with this MAC address gives itself by SLAAC, without privacy extensions (RFC 4291 appendix A). */
export function slaacAddress(network: bigint, hwaddr: string): bigint {
  const bytes = hwaddr.split(':').map((part) => Number.parseInt(part, 16))
  const [a = 0, b = 0, c = 0, d = 0, e = 0, f = 0] = bytes
  const id = [a ^ 2, b, c, 0xff, 0xfe, d, e, f].reduce((sum, byte) => (sum << 8n) + BigInt(byte), 0n)
  return network + id
}
