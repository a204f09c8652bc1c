import type { Link } from '#host/links.ts'
import type { NetworkState } from '#schema/network.ts'

/** What a link is doing, as the API shows it; `ports` are the links below it. */
export function networkState(link: Link, ports: readonly string[]): NetworkState {
  const { counters } = link
  return {
    addresses: link.addresses.map(({ family, address, prefix, scope }) => ({
      family: family === 4 ? 'inet' : 'inet6',
      address,
      netmask: String(prefix),
      scope: scope === 'host' ? 'local' : scope,
    })),
    counters: {
      bytes_received: counters.bytesReceived,
      bytes_sent: counters.bytesSent,
      packets_received: counters.packetsReceived,
      packets_sent: counters.packetsSent,
    },
    hwaddr: link.flags.includes('LOOPBACK') ? '' : link.hwaddr,
    mtu: link.mtu,
    state: link.flags.includes('UP') ? 'up' : 'down',
    type: linkType(link),
    bond: link.kind === 'bond' ? bond(link, ports) : null,
    bridge: link.kind === 'bridge' ? bridge(link, ports) : null,
    vlan: link.kind === 'vlan' ? { lower_device: link.lower ?? '', vid: number(link, 'id') } : null,
    ovn: null,
  }
}

function linkType({ flags }: Link): string {
  if (flags.includes('LOOPBACK')) return 'loopback'
  if (flags.includes('POINTOPOINT')) return 'point-to-point'
  return flags.includes('BROADCAST') ? 'broadcast' : 'unknown'
}

function bridge(link: Link, ports: readonly string[]): NetworkState['bridge'] {
  return {
    id: bridgeId(text(link, 'bridge_id')),
    stp: number(link, 'stp_state') !== 0,
    forward_delay: number(link, 'forward_delay'),
    vlan_default: number(link, 'vlan_default_pvid'),
    vlan_filtering: number(link, 'vlan_filtering') !== 0,
    upper_devices: [...ports],
  }
}

/** ip(8) writes `8000.0:16:3e:1:2:3`, the kernel in /sys, and LXD, `8000.00163e010203`. */
function bridgeId(id: string): string {
  const [priority = '', address = ''] = id.split('.')
  return `${priority}.${address
    .split(':')
    .map((part) => part.padStart(2, '0'))
    .join('')}`
}

function bond(link: Link, ports: readonly string[]): NetworkState['bond'] {
  return {
    mode: text(link, 'mode'),
    transmit_policy: text(link, 'xmit_hash_policy'),
    up_delay: number(link, 'updelay'),
    down_delay: number(link, 'downdelay'),
    mii_frequency: number(link, 'miimon'),
    mii_state: link.flags.includes('LOWER_UP') ? 'up' : 'down',
    lower_devices: [...ports],
  }
}

function number(link: Link, name: string): number {
  const value = link.details[name]
  return typeof value === 'number' && Number.isSafeInteger(value) ? value : 0
}

function text(link: Link, name: string): string {
  const value = link.details[name]
  return typeof value === 'string' ? value : ''
}
