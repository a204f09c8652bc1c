import { isIPv4, isIPv6 } from 'node:net'

/** An address that dnsmasq has given out. */
export interface Lease {
  readonly address: string
  /** Empty where it can not be told. */
  readonly hwaddr: string
  /** The name as DNS knows it; empty for none. */
  readonly hostname: string
  /** DHCPv6 only: what the client called itself and its interface (RFC 8415 sections 11 and 12). */
  readonly identity?: { readonly duid: string; readonly iaid: number }
}

/** What a lease file tells. */
export interface LeaseFile {
  readonly leases: readonly Lease[]
  /** How the server calls itself towards DHCPv6 clients; undefined where it serves none. */
  readonly serverDuid: string | undefined
}

const maxLeases = 100_000

/**
 * The leases in dnsmasq's lease file: for IPv4 `EXPIRY MAC ADDRESS NAME CLIENT-ID`, then a line with the server's DUID
 * and for IPv6 `EXPIRY IAID ADDRESS NAME CLIENT-DUID`. Lines that are not so are passed over: what is in them came
 * from clients.
 */
export function parseLeases(text: string): LeaseFile {
  const lines = text.split('\n', maxLeases)
  const server = lines.find((line) => line.startsWith('duid '))?.slice('duid '.length) ?? ''
  return {
    leases: lines.map(parseLine).filter((lease) => lease !== undefined),
    serverDuid: isDuid(server) ? server : undefined,
  }
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
  // Temporary addresses have a `T` before their number.
  const iaid = /^T?(\d{1,10})$/.exec(who)?.[1]
  if (!isIPv6(address) || iaid === undefined || !isDuid(id)) return undefined
  return {
    address: address.toLowerCase(),
    hwaddr: macOfDuid(id),
    hostname,
    identity: { duid: id, iaid: Number(iaid) % 2 ** 32 },
  }
}

function isDuid(text: string): boolean {
  return /^[0-9a-f]{2}(:[0-9a-f]{2}){0,129}$/i.test(text)
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
