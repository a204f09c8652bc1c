import { isIPv4, isIPv6 } from 'node:net'
import { keyType } from '#config/key.ts'
import type { ProxyAddress } from '#guest/proxy-request.ts'

/** A proxy has a socket for each port; this is how many there can be. */
const maxPorts = 1024

/**
 * Reads `tcp:10.0.0.1:80`, `udp:[::]:53,60-69`, `unix:/run/a.sock` or `unix:@abstract`. Throws an Error that says what
 * was expected.
 */
export function parseProxyAddress(text: string): ProxyAddress {
  const [, protocol = '', rest = ''] = /^(tcp|udp|unix):(.+)$/s.exec(text) ?? []
  if (protocol === 'unix') return { protocol, path: parseSocketPath(rest) }
  const [, bracketed, plain, ports = ''] = /^(?:\[([^\]]*)\]|([^:]*)):([\d,-]+)$/.exec(rest) ?? []
  const address = bracketed ?? plain ?? ''
  const family = bracketed !== undefined && isIPv6(address) ? 6 : plain !== undefined && isIPv4(address) ? 4 : undefined
  if (family === undefined || address.includes('%')) {
    throw new Error(
      `Invalid address "${text}": expected tcp:ADDRESS:PORTS, udp:ADDRESS:PORTS (an IPv6 address in brackets) or unix:PATH`,
    )
  }
  return { protocol: protocol as 'tcp' | 'udp', family, address, ports: parsePorts(text, ports) }
}

function parseSocketPath(path: string): string {
  const name = path.startsWith('@') ? path.slice(1) : path
  // The kernel has 108 bytes for it, see unix(7).
  if (name === '' || Buffer.byteLength(name) > 107 || /\p{Cc}/u.test(name)) {
    throw new Error(`Invalid address "unix:${path}": expected a path, or @NAME, of at most 107 bytes`)
  }
  if (!path.startsWith('@') && (!path.startsWith('/') || path.split('/').includes('..'))) {
    throw new Error(`Invalid address "unix:${path}": expected an absolute path without "..", or @NAME`)
  }
  return path
}

function parsePorts(text: string, list: string): number[] {
  const ports = list.split(',').flatMap((item) => {
    const [, first = '', last = first] = /^(\d{1,5})(?:-(\d{1,5}))?$/.exec(item) ?? []
    const [from, to] = [Number(first), Number(last)]
    if (first === '' || from < 1 || to > 65_535 || to < from) {
      throw new Error(`Invalid address "${text}": expected ports from 1 to 65535, or ranges of them such as 80-90`)
    }
    return Array.from({ length: Math.min(to - from + 1, maxPorts + 1) }, (_, index) => from + index)
  })
  if (ports.length > maxPorts) throw new Error(`Invalid address "${text}": expected at most ${maxPorts} ports`)
  if (new Set(ports).size < ports.length) throw new Error(`Invalid address "${text}": a port is named twice`)
  return ports
}

/** A key with such an address. */
export const proxyAddress = keyType('proxy address', parseProxyAddress)

/** Whether it stands for all addresses of its family. */
export function isWildcard(address: ProxyAddress): boolean {
  return address.protocol !== 'unix' && /^[0.:]+$/.test(address.address)
}
