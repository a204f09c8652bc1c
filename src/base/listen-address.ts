import { isIP, isIPv4, isIPv6 } from 'node:net'

/** Where a server takes connections. An empty `host` stands for every address of this machine, of either family. */
export interface ListenAddress {
  readonly host: string
  readonly port: number
}

/** A host name as DNS knows it (RFC 1123 section 2.1). */
const hostName = /^(?=.{1,253}$)[a-z\d]([a-z\d-]{0,61}[a-z\d])?(\.[a-z\d]([a-z\d-]{0,61}[a-z\d])?)*$/i

/**
 * Reads `host`, `host:port`, `:port` or `[IPv6 address]:port`; an IPv6 address alone may come without brackets. Throws
 * an Error that says what was expected.
 */
export function parseListenAddress(text: string, defaultPort: number): ListenAddress {
  const { host, port } = split(text) ?? invalid(text)
  const number = port === undefined ? defaultPort : Number(port)
  if (number < 1 || number > 65_535) {
    throw new Error(`Invalid address "${text}": expected a port from 1 to 65535`)
  }
  return { host: host.toLowerCase(), port: number }
}

function split(text: string): { host: string; port: string | undefined } | undefined {
  if (isIPv6(text)) return text.includes('%') ? undefined : { host: text, port: undefined }
  const parts = /^(?:\[(?<six>[^\]]*)\]|(?<name>[^:[\]]*))(?::(?<port>\d{1,5}))?$/.exec(text)?.groups
  if (!parts || text === '') return undefined
  const { six, name = '', port } = parts
  if (six !== undefined) return isIPv6(six) && !six.includes('%') ? { host: six, port } : undefined
  // Digits and dots that are no address would be asked of DNS.
  if (name !== '' && !isIPv4(name) && (!hostName.test(name) || /^[\d.]+$/.test(name))) return undefined
  return { host: name, port }
}

function invalid(text: string): never {
  throw new Error(
    `Invalid address "${text}": expected host[:port], such as 10.1.2.3:8443, [fd42::1]:8443, :8443 or lxd.example.org`,
  )
}

/** The address as text, IPv6 in brackets: `10.1.2.3:8443`, `[fd42::1]:8443`, `:8443`. */
export function formatListenAddress({ host, port }: ListenAddress): string {
  return `${isIP(host) === 6 ? `[${host}]` : host}:${port}`
}

/** Whether it takes connections to any address of this machine. */
export function isWildcard({ host }: ListenAddress): boolean {
  return host === '' || /^[0:]+$/.test(host) || host === '0.0.0.0'
}

/** Whether one of two addresses takes connections that the other would, so that both can't be bound at a time. */
export function overlap(one: ListenAddress, other: ListenAddress): boolean {
  return one.port === other.port && (one.host === other.host || isWildcard(one) || isWildcard(other))
}
