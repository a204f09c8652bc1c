import { addressToNumber, networkOf, parseAddress, parseCidr } from '#base/address.ts'
import type { Cidr } from '#base/address.ts'
import { parseLinkName } from '#base/link-name.ts'
import { address, bool, choice, integer, keyType, list, mac, string } from '#config/key.ts'

/** The first and the last address of a range. */
export interface AddressRange {
  readonly first: string
  readonly last: string
}

function subnet<const F extends 4 | 6>(family: F) {
  return keyType('cidr', (text): Cidr | 'none' | 'auto' => {
    if (text === 'none' || text === 'auto') return text
    return parseCidr(text, family)
  })
}

function parseRange(family: 4 | 6) {
  return (text: string): AddressRange => {
    const [first = '', last = '', ...rest] = text.split('-').map((part) => part.trim())
    if (rest.length > 0 || last === '')
      throw new Error(`Invalid range "${text}": expected two addresses with a "-" between`)
    const range = { first: parseAddress(first, family), last: parseAddress(last, family) }
    if (addressToNumber(range.first) > addressToNumber(range.last)) {
      throw new Error(`Invalid range "${text}": expected the lower address first`)
    }
    return range
  }
}

function parseNetwork(family: 4 | 6) {
  return (text: string): string => {
    const cidr = parseCidr(text, family)
    const network = networkOf(cidr)
    if (addressToNumber(cidr.address) !== addressToNumber(network.address)) {
      throw new Error(`Invalid network "${text}": expected its first address, ${network.address}/${network.prefix}`)
    }
    return `${network.address}/${network.prefix}`
  }
}

/** A span of time as dnsmasq(8) reads it. */
const leaseTime = keyType('lease time', (text) => {
  if (!/^(infinite|\d{1,9}[smhdw]?)$/.test(text)) {
    throw new Error(`Invalid lease time "${text}": expected a number with a unit of s, m, h, d or w, or "infinite"`)
  }
  return text
})

function parseDomain(text: string): string {
  const label = /^[a-z0-9_]([a-z0-9_-]{0,61}[a-z0-9_])?$/i
  if (text.length > 253 || !text.split('.').every((part) => label.test(part))) {
    throw new Error(`Invalid domain name "${text}": expected letters, digits and "-", with dots between`)
  }
  return text
}

const domain = keyType('domain name', parseDomain)

/** The configuration keys of networks of the type `bridge`. */
export const bridgeKeys = {
  'bridge.external_interfaces': list(parseLinkName, {
    doc: 'Interfaces of the host that become ports of the bridge.\n\nThey must not have addresses of their own.',
    live: true,
  }),
  'bridge.hwaddr': mac({ doc: 'MAC address of the bridge.', live: true }),
  'bridge.mtu': integer({
    doc: 'Largest packet of the bridge, in bytes.',
    default: '1500',
    min: 1280,
    max: 16_384,
    live: true,
  }),

  'dns.domain': domain({
    doc: 'Domain that DHCP clients get, and that instance names are found in.',
    default: 'lxd',
    live: true,
  }),
  'dns.mode': choice(['managed', 'dynamic', 'none'], {
    doc: 'Where DNS names come from.\n\n`managed`: from the names of instances only; `dynamic`: from what clients claim; `none`: there are none.',
    default: 'managed',
    live: true,
  }),
  'dns.search': list(parseDomain, { doc: 'Search list that DHCP clients get instead of `dns.domain`.', live: true }),

  'ipv4.address': subnet(4)({
    doc: 'IPv4 address and subnet of the bridge.\n\n`none` turns IPv4 off, `auto` picks a free subnet. Left out at creation, it is `auto`.',
    live: true,
  }),
  'ipv4.dhcp': bool({ doc: 'Whether IPv4 addresses are given out by DHCP.', default: 'true', live: true }),
  'ipv4.dhcp.expiry': leaseTime({ doc: 'How long a lease holds.', default: '1h', live: true }),
  'ipv4.dhcp.gateway': address({
    doc: 'Gateway that clients are told, where it is not the bridge.',
    family: 4,
    live: true,
  }),
  'ipv4.dhcp.ranges': list(parseRange(4), {
    doc: 'Ranges that addresses are taken from. Default: the whole subnet.',
    live: true,
  }),
  'ipv4.firewall': bool({ doc: 'Whether packet filter rules are made for this network.', default: 'true', live: true }),
  'ipv4.nat': bool({
    doc: 'Whether packets that leave the subnet get the address of the host.',
    default: 'false',
    live: true,
  }),
  'ipv4.nat.address': address({ doc: 'Source address of packets that leave the subnet.', family: 4, live: true }),
  'ipv4.nat.order': choice(['before', 'after'], {
    doc: 'Whether the NAT rules come before or after those of other programs.',
    default: 'before',
    live: true,
  }),
  'ipv4.routes': list(parseNetwork(4), { doc: 'More IPv4 networks that are reached through the bridge.', live: true }),
  'ipv4.routing': bool({
    doc: 'Whether packets pass between the bridge and other networks.',
    default: 'true',
    live: true,
  }),

  'ipv6.address': subnet(6)({
    doc: 'IPv6 address and subnet of the bridge.\n\n`none` turns IPv6 off, `auto` picks a free subnet. Left out at creation, it is `auto`.',
    live: true,
  }),
  'ipv6.dhcp': bool({ doc: 'Whether more than addresses is given out by DHCPv6.', default: 'true', live: true }),
  'ipv6.dhcp.expiry': leaseTime({ doc: 'How long a lease holds.', default: '1h', live: true }),
  'ipv6.dhcp.ranges': list(parseRange(6), {
    doc: 'Ranges that addresses are taken from. Default: the whole subnet.',
    live: true,
  }),
  'ipv6.dhcp.stateful': bool({
    doc: 'Whether addresses are given out by DHCPv6 rather than chosen by the client.',
    default: 'false',
    live: true,
  }),
  'ipv6.firewall': bool({ doc: 'Whether packet filter rules are made for this network.', default: 'true', live: true }),
  'ipv6.nat': bool({
    doc: 'Whether packets that leave the subnet get the address of the host.',
    default: 'false',
    live: true,
  }),
  'ipv6.nat.address': address({ doc: 'Source address of packets that leave the subnet.', family: 6, live: true }),
  'ipv6.nat.order': choice(['before', 'after'], {
    doc: 'Whether the NAT rules come before or after those of other programs.',
    default: 'before',
    live: true,
  }),
  'ipv6.routes': list(parseNetwork(6), { doc: 'More IPv6 networks that are reached through the bridge.', live: true }),
  'ipv6.routing': bool({
    doc: 'Whether packets pass between the bridge and other networks.',
    default: 'true',
    live: true,
  }),

  'raw.dnsmasq': string({
    doc: 'Lines added to the configuration of dnsmasq.',
    live: true,
    check: (text) => {
      if (text.includes('\0')) throw new Error('Invalid text: expected no NUL character')
    },
  }),
  'user.*': string({ doc: 'Free text of the user.', live: true }),
}
