import { createSocket } from 'node:dgram'
import { isIPv4 } from 'node:net'
import { randomBytes } from 'node:crypto'

/** A DHCPv4 lease to give back, to the server at `server`. */
export interface DhcpRelease {
  readonly server: string
  readonly address: string
  readonly hwaddr: string
}

/** Gives a lease back in its holder's name. Resolves once the packet is on its way; DHCP has no answer to it. */
export type ReleaseDhcp = (release: DhcpRelease) => Promise<void>

/** Sends a DHCPRELEASE from this host (RFC 2131 section 4.4.6). */
export const releaseDhcp: ReleaseDhcp = async (release) => {
  const { promise, resolve, reject } = Promise.withResolvers<void>()
  const socket = createSocket('udp4')
  socket.on('error', reject)
  socket.send(releasePacket(release), 67, release.server, (error) => (error ? reject(error) : resolve()))
  try {
    await promise
  } finally {
    socket.close()
  }
}

/** The packet (RFC 2131 section 2, options of RFC 2132). */
export function releasePacket({ server, address, hwaddr }: DhcpRelease): Uint8Array {
  const packet = Buffer.alloc(254)
  packet.set([1, 1, 6, 0]) // a request over Ethernet
  packet.set(randomBytes(4), 4)
  packet.set(bytesOf(address), 12)
  packet.set(
    hwaddr.split(':').map((part) => Number.parseInt(part, 16)),
    28,
  )
  packet.set([0x63, 0x82, 0x53, 0x63], 236)
  packet.set([53, 1, 7], 240) // message type: release
  packet.set([54, 4, ...bytesOf(server)], 243)
  packet.set([255], 249)
  return packet
}

function bytesOf(address: string): number[] {
  if (!isIPv4(address)) throw new Error(`Cannot release "${address}": expected an IPv4 address`)
  return address.split('.').map(Number)
}
