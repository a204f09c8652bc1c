import { randomBytes } from 'node:crypto'
import { createSocket } from 'node:dgram'
import { isIPv4, isIPv6 } from 'node:net'
import { addressToNumber } from '#base/address.ts'

/** A DHCP lease to give back in its holder's name. */
export type DhcpRelease =
  | { readonly family: 4; readonly server: string; readonly address: string; readonly hwaddr: string }
  | {
      readonly family: 6
      /** The link that the server is on. */
      readonly link: string
      readonly address: string
      /** What identifies server, client and the client's interface to the server (RFC 8415 sections 11 and 12). */
      readonly serverDuid: string
      readonly clientDuid: string
      readonly iaid: number
    }

/** Gives a lease back. Resolves once the packet is on its way; its answer, if there is one, is not waited for. */
export type ReleaseDhcp = (release: DhcpRelease) => Promise<void>

/** Sends the release from this host. */
export const releaseDhcp: ReleaseDhcp = async (release) => {
  const { promise, resolve, reject } = Promise.withResolvers<void>()
  const socket = createSocket(release.family === 4 ? 'udp4' : 'udp6')
  socket.on('error', reject)
  const [port, to] = release.family === 4 ? [67, release.server] : [547, `ff02::1:2%${release.link}`]
  socket.send(releasePacket(release), port, to, (error) => (error ? reject(error) : resolve()))
  try {
    await promise
  } finally {
    socket.close()
  }
}

/** The packet: a DHCPRELEASE (RFC 2131 section 4.4.6), or a Release message (RFC 8415 section 18.2.7). */
export function releasePacket(release: DhcpRelease): Uint8Array {
  if (release.family === 4) return packet4(release)
  const { address, serverDuid, clientDuid, iaid } = release
  if (!isIPv6(address)) throw new Error(`Cannot release "${address}": expected an IPv6 address`)
  const lease = option(5, Buffer.concat([ipv6Bytes(address), Buffer.alloc(8)]))
  const identity = Buffer.alloc(12)
  identity.writeUInt32BE(iaid)
  return Buffer.concat([
    Buffer.from([8]),
    randomBytes(3),
    option(1, hexBytes(clientDuid)),
    option(2, hexBytes(serverDuid)),
    option(3, Buffer.concat([identity, lease])),
    option(8, Buffer.alloc(2)),
  ])
}

function packet4({ server, address, hwaddr }: Extract<DhcpRelease, { family: 4 }>): Buffer {
  const packet = Buffer.alloc(254)
  packet.set([1, 1, 6, 0]) // a request over Ethernet
  packet.set(randomBytes(4), 4)
  packet.set(ipv4Bytes(address), 12)
  packet.set(hexBytes(hwaddr), 28)
  packet.set([0x63, 0x82, 0x53, 0x63], 236)
  packet.set([53, 1, 7], 240) // message type: release
  packet.set([54, 4, ...ipv4Bytes(server)], 243)
  packet.set([255], 249)
  return packet
}

/** An option of DHCPv6. */
function option(code: number, value: Uint8Array): Buffer {
  const head = Buffer.alloc(4)
  head.writeUInt16BE(code)
  head.writeUInt16BE(value.length, 2)
  return Buffer.concat([head, value])
}

function hexBytes(text: string): Buffer {
  return Buffer.from(text.replaceAll(':', ''), 'hex')
}

function ipv4Bytes(address: string): number[] {
  if (!isIPv4(address)) throw new Error(`Cannot release "${address}": expected an IPv4 address`)
  return address.split('.').map(Number)
}

function ipv6Bytes(address: string): Buffer {
  return Buffer.from(addressToNumber(address).toString(16).padStart(32, '0'), 'hex')
}
