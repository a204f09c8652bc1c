import { addressToNumber, contains, networkOf, numberToAddress } from '#base/address.ts'
import type { Cidr } from '#base/address.ts'
import { badRequest } from '#base/failure.ts'
import { readConfig } from '#config/config.ts'
import type { Config } from '#config/config.ts'
import type { Values } from '#config/key.ts'
import { networkRules } from '#firewall/network-rules.ts'
import type { FamilyRules } from '#firewall/network-rules.ts'
import type { DnsmasqSettings } from '../dnsmasq-config.ts'
import type { NetworkFacts, NetworkPlan, NetworkType } from '../network-type.ts'
import { bridgeKeys } from './bridge-keys.ts'

type Settings = Values<typeof bridgeKeys>

/** A bridge of this host, with DHCP, DNS and NAT. */
export const bridge: NetworkType = {
  type: 'bridge',
  doc: 'A bridge of this host, with DHCP, DNS and NAT.',
  keys: bridgeKeys,

  async complete(config, free) {
    const addresses = { 'ipv4.address': 'auto', 'ipv6.address': 'auto' }
    const all: Config = { ...addresses, ...config }
    // A subnet that we made up is of no use to anyone else, so it gets NAT unless told otherwise.
    const nat = ([4, 6] as const).filter((family) => all[`ipv${family}.address`] === 'auto')
    return await bridge.resolve(
      { ...Object.fromEntries(nat.map((family) => [`ipv${family}.nat`, 'true'])), ...all },
      free,
    )
  },

  async resolve(config, free) {
    const resolved: Record<string, string> = { ...config }
    for (const family of [4, 6] as const) {
      if (config[`ipv${family}.address`] !== 'auto') continue
      const picked = await free.pick(family)
      resolved[`ipv${family}.address`] = picked ?? 'none'
      if (picked === undefined) delete resolved[`ipv${family}.nat`]
    }
    return resolved
  },

  check({ name, config }) {
    const settings = readConfig(bridgeKeys, config)
    for (const family of [4, 6] as const) checkFamily(settings, family)
    if (settings['bridge.external_interfaces']?.includes(name)) {
      throw invalid('bridge.external_interfaces', `"${name}" is the bridge itself`)
    }
  },

  subnets(config) {
    const settings = readConfig(bridgeKeys, config)
    return ([4, 6] as const).flatMap((family) => {
      const address = addressOf(settings, family)
      return address ? [text(networkOf(address))] : []
    })
  },

  plan,
}

function plan({ name, config, hwaddr }: NetworkFacts): NetworkPlan {
  const settings = readConfig(bridgeKeys, config)
  const families = ([4, 6] as const).flatMap((family) => {
    const address = addressOf(settings, family)
    return address ? [{ family, address }] : []
  })
  const dns = families.length > 0
  return {
    link: {
      name,
      hwaddr: settings['bridge.hwaddr'] ?? hwaddr,
      mtu: settings['bridge.mtu'],
      addresses: families.map(({ address }) => text(address)),
      routes: families.flatMap(({ family }) => settings[`ipv${family}.routes`] ?? []),
      ports: settings['bridge.external_interfaces'] ?? [],
    },
    sysctls: [
      // The host is the router here: it must learn neither addresses nor routes from guests.
      { path: ['net', 'ipv6', 'conf', name, 'accept_ra'], value: '0' },
      { path: ['net', 'ipv6', 'conf', name, 'autoconf'], value: '0' },
      // A bridge without ports would keep its address tentative, and dnsmasq could not bind to it.
      { path: ['net', 'ipv6', 'conf', name, 'accept_dad'], value: '0' },
    ],
    forwarding: families.filter(({ family }) => settings[`ipv${family}.routing`]).map(({ family }) => family),
    chains: networkRules({ link: name, dns, families: families.map((one) => familyRules(settings, one)) }),
    dnsmasq: dns ? dnsmasq(name, settings) : undefined,
  }
}

function familyRules(settings: Settings, { family, address }: { family: 4 | 6; address: Cidr }): FamilyRules {
  return {
    family,
    subnet: text(networkOf(address)),
    filter: settings[`ipv${family}.firewall`],
    dhcp: settings[`ipv${family}.dhcp`],
    routing: settings[`ipv${family}.routing`],
    nat: settings[`ipv${family}.nat`]
      ? { address: settings[`ipv${family}.nat.address`], order: settings[`ipv${family}.nat.order`] }
      : undefined,
  }
}

function dnsmasq(name: string, settings: Settings): DnsmasqSettings {
  const ipv4 = addressOf(settings, 4)
  const ipv6 = addressOf(settings, 6)
  const mtu = settings['bridge.mtu']
  return {
    link: name,
    ipv4: ipv4 && {
      address: ipv4.address,
      ranges: settings['ipv4.dhcp'] ? (settings['ipv4.dhcp.ranges'] ?? [hosts(ipv4)]) : [],
      expiry: settings['ipv4.dhcp.expiry'],
      gateway: settings['ipv4.dhcp.gateway'],
      mtu: mtu === 1500 ? undefined : mtu,
    },
    ipv6: ipv6 && {
      address: ipv6.address,
      prefix: ipv6.prefix,
      mode: settings['ipv6.dhcp'] ? (settings['ipv6.dhcp.stateful'] ? 'stateful' : 'stateless') : 'ra-only',
      ranges: settings['ipv6.dhcp.ranges'] ?? [hosts(ipv6)],
      expiry: settings['ipv6.dhcp.expiry'],
    },
    dns: { mode: settings['dns.mode'], domain: settings['dns.domain'], search: settings['dns.search'] ?? [] },
    raw: settings['raw.dnsmasq'] ?? '',
  }
}

function addressOf(settings: Settings, family: 4 | 6): Cidr | undefined {
  const value = settings[`ipv${family}.address`]
  return typeof value === 'object' ? value : undefined
}

/** The addresses a subnet has for hosts, but for the first, which is the gateway more often than not. */
function hosts(address: Cidr): { first: string; last: string } {
  const { family, prefix } = address
  const network = addressToNumber(networkOf(address).address)
  const size = 1n << BigInt((family === 4 ? 32 : 128) - prefix)
  const last = network + size - (family === 4 ? 2n : 1n)
  const first = network + 2n
  return { first: numberToAddress(first < last ? first : last, family), last: numberToAddress(last, family) }
}

function checkFamily(settings: Settings, family: 4 | 6): void {
  const address = addressOf(settings, family)
  if (!address) return
  const key = `ipv${family}.address`
  checkHostAddress(key, address)

  const stateful = family === 4 ? settings['ipv4.dhcp'] : settings['ipv6.dhcp'] && settings['ipv6.dhcp.stateful']
  if (family === 4 && stateful && address.prefix > 30) {
    throw invalid(key, `a /${address.prefix} leaves no address to give out: expected at most /30, or "ipv4.dhcp" off`)
  }
  if (family === 6 && stateful && (address.prefix < 64 || address.prefix > 126)) {
    throw invalid(key, `a /${address.prefix} can not be served by stateful DHCPv6: expected from /64 to /126`)
  }
  for (const { first, last } of settings[`ipv${family}.dhcp.ranges`] ?? []) {
    if (!contains(address, first) || !contains(address, last)) {
      throw invalid(`ipv${family}.dhcp.ranges`, `${first}-${last} is not within ${text(networkOf(address))}`)
    }
  }
  const gateway = family === 4 ? settings['ipv4.dhcp.gateway'] : undefined
  if (gateway !== undefined && !contains(address, gateway)) {
    throw invalid('ipv4.dhcp.gateway', `${gateway} is not within ${text(networkOf(address))}`)
  }
}

function checkHostAddress(key: string, address: Cidr): void {
  const { family, prefix } = address
  const bits = (family === 4 ? 32 : 128) - prefix
  if (bits < 2) return
  const number = addressToNumber(address.address)
  const network = addressToNumber(networkOf(address).address)
  if (number === network) throw invalid(key, `${text(address)} is the network itself: expected an address of a host`)
  if (family === 4 && number === network + (1n << BigInt(bits)) - 1n) {
    throw invalid(key, `${text(address)} is the broadcast address: expected an address of a host`)
  }
}

function invalid(key: string, why: string) {
  return badRequest(`Invalid network configuration: "${key}": ${why}`)
}

function text({ address, prefix }: Cidr): string {
  return `${address}/${prefix}`
}
