import { isDeepStrictEqual } from 'node:util'
import { contains, networkOf, parseAddress, parseCidr } from '#base/address.ts'
import type { Cidr } from '#base/address.ts'
import { badRequest } from '#base/failure.ts'
import { parseLinkName } from '#base/link-name.ts'
import type { Undo } from '#base/undo.ts'
import { bool, keyType, list, parseBool, parseList, string } from '#config/key.ts'
import type { Link, LinkChange, Links } from '#host/links.ts'
import type { LxcItem } from '#lxc/runtime.ts'
import { usesNetwork } from '#networks/network-nics.ts'
import type { NetworkNic } from '#networks/network-nics.ts'
import type { ManagedNetwork, Networks } from '#networks/networks.ts'
import type { CheckContext, DeviceConfig, DeviceContext, DeviceKind, DeviceStart } from './device.ts'
import { checkNicName, hostName, hwaddrOf, newHostName, nicIdentity, nicKeys, nicVolatile } from './nic-common.ts'

/** What bridged NICs need of the daemon. */
export interface BridgedParts {
  readonly networks: Pick<Networks, 'find' | 'attach' | 'detach' | 'nics'>
  readonly links: Links
}

function staticAddress(family: 4 | 6) {
  return keyType('address', (text) => parseAddress(text, family))({
    doc: `Static IPv${family} address, given to the instance by DHCP.`,
    live: true,
    risk: 'safe',
  })
}

function routes(family: 4 | 6) {
  const parse = (text: string) => {
    const { address, prefix } = networkOf(parseCidr(text, family))
    return `${address}/${prefix}`
  }
  return list(parse, { doc: `IPv${family} networks that the host reaches through this NIC.`, live: true })
}

/** A veth pair with one end in the instance and the other on a bridge. */
export function nicBridged(parts: BridgedParts): DeviceKind {
  return {
    kind: 'nic/bridged',
    doc: 'A veth pair with one end in the instance and the other on a bridge of the host.',
    hotplug: true,
    restriction: 'nic',
    keys: {
      ...nicKeys,
      network: string({ doc: 'The managed network to join.', risk: 'safe' }),
      parent: keyType(
        'interface name',
        parseLinkName,
      )({ doc: 'The bridge to join, instead of a managed network.', risk: 'safe' }),
      'ipv4.address': staticAddress(4),
      'ipv6.address': staticAddress(6),
      'ipv4.routes': routes(4),
      'ipv6.routes': routes(6),
      'security.port_isolation': bool({
        doc: 'Whether this NIC is kept from talking to others on the bridge that are isolated too.',
        default: 'false',
        risk: 'safe',
      }),
    },
    check: (config, context) => check(parts, config, context),
    volatile: nicVolatile,
    transient: ['host_name'],
    start: (context, undo) => start(parts, context, undo),
    async stop(context) {
      const name = hostName(context)
      if (parts.links.exists(name)) await quietly(parts.links, { do: 'delete', name })
      for (const change of routeChanges('delete-route', context.config)) {
        if (parts.links.exists(change.name)) await quietly(parts.links, change)
      }
    },
    async remove(context) {
      const { owner, device } = context
      const lease = { project: owner.project, instance: owner.name, device, hwaddr: hwaddrOf(context) ?? '' }
      const network = parts.networks.find(bridgeOf(context.config))
      if (network) await parts.networks.detach(network.name, lease)
    },
    async update(context, old, undo) {
      const before = { ...context, config: old }
      await attach(parts, context, undo, before)
      undo.add('put routes back', () => parts.links.change(routeChanges('add-route', old)))
      const stale = routeChanges('delete-route', old)
      for (const change of stale) await quietly(parts.links, change)
      await parts.links.change(routeChanges('add-route', context.config))
    },
  }
}

function bridgeOf(config: DeviceConfig): string {
  return config['network'] || config['parent'] || ''
}

function check({ networks }: BridgedParts, config: DeviceConfig, context: CheckContext): void {
  checkNicName(config, context)
  if (config['network']) {
    for (const key of ['nictype', 'parent', 'mtu']) {
      if (config[key]) throw badRequest(`Cannot use "${key}" property in conjunction with "network" property`)
    }
    const network = networks.find(config['network'])
    if (!network) throw badRequest(`"network": Network "${config['network']}" not found`)
    if (network.type !== 'bridge') throw badRequest(`"network": Network "${network.name}" is not a bridge`)
  } else if (!config['parent']) {
    throw badRequest('"parent": A bridged NIC needs a "network" or a "parent"')
  }
  const network = networks.find(bridgeOf(config))
  for (const family of [4, 6] as const) checkAddress(network, config, family)
  if (network && !context.inProfile) checkUnique({ networks }, network, config, context)
}

function checkAddress(network: ManagedNetwork | undefined, config: DeviceConfig, family: 4 | 6): void {
  const key = `ipv${family}.address`
  const address = config[key]
  if (!address) return
  if (!network) throw badRequest(`"${key}": A static address needs a managed network`)
  const settings = network.plan.dnsmasq?.[`ipv${family}`]
  const served =
    family === 4 ? network.plan.dnsmasq?.ipv4?.ranges.length : network.plan.dnsmasq?.ipv6?.mode === 'stateful'
  if (!settings || !served) {
    const needed = family === 4 ? 'DHCP' : '"ipv6.dhcp.stateful"'
    throw badRequest(`Cannot specify "${key}" when ${needed} is disabled on network "${network.name}"`)
  }
  const subnet = network.plan.link.addresses.map((one) => parseCidr(one)).find((one) => one.family === family) as Cidr
  if (!contains(subnet, address)) {
    throw badRequest(`Device IP address "${address}" not within network "${network.name}" subnet`)
  }
  if (address === subnet.address) throw badRequest(`"${key}": "${address}" is the address of network "${network.name}"`)
}

/** Throws where another NIC on the network has the name, the address or the MAC address already. */
function checkUnique(
  { networks }: Pick<BridgedParts, 'networks'>,
  network: ManagedNetwork,
  config: DeviceConfig,
  { owner, device }: CheckContext,
): void {
  // What the store says of this instance is what is about to be replaced.
  const own = Object.entries(owner.devices)
    .filter(([name, other]) => name !== device && usesNetwork(other, network.name))
    .map(([name, other]) => ({
      project: owner.project,
      instance: owner.name,
      device: name,
      config: other,
      hwaddr: other['hwaddr']?.toLowerCase() ?? '',
    }))
  const strangers = networks
    .nics(network.name)
    .filter((nic) => nic.project !== owner.project || nic.instance !== owner.name)
  const others = [...own, ...strangers]
  const namesake = others.find((nic) => nic.instance.toLowerCase() === owner.name.toLowerCase())
  if (namesake && (network.config['dns.mode'] || 'managed') === 'managed') {
    throw badRequest(`Instance DNS name "${owner.name}" already used on network "${network.name}"`)
  }
  for (const key of ['ipv4.address', 'ipv6.address'] as const) {
    const same = config[key] && others.find((nic) => nic.config[key] === config[key])
    if (same)
      throw badRequest(`"${key}": IP address "${config[key]}" already defined on ${holder(same, owner.project)}`)
  }
  const hwaddr = config['hwaddr']?.toLowerCase()
  const same = hwaddr && others.find((nic) => nic.hwaddr === hwaddr)
  if (same) {
    throw badRequest(`"hwaddr": MAC address "${hwaddr}" already defined on ${holder(same, owner.project)}`)
  }
}

/** What has something already. Of another project who asks need not know, so what is in it is not named. */
function holder(nic: Pick<NetworkNic, 'project' | 'device' | 'instance'>, project: string): string {
  if (nic.project !== project) return 'a device of an instance in another project'
  return `device "${nic.device}" of instance "${nic.instance}"`
}

async function start(parts: BridgedParts, context: DeviceContext, undo: Undo): Promise<DeviceStart> {
  const { links } = parts
  const { config, pid } = context
  const bridge = bridgeOf(config)
  await attach(parts, context, undo)
  await checkBridge(parts, bridge)

  const host = newHostName(context, links)
  const { name, hwaddr } = nicIdentity(context)
  const isolated = parseBool(config['security.port_isolation'] || 'false')
  // What the packet filter has to know of a NIC goes here, by the name of the host's end: before there is a link.

  let lxc: LxcItem[] = []
  if (pid !== undefined || isolated) {
    const mtu = mtuOf(parts, config, isolated || pid !== undefined ? await links.read(bridge) : undefined)
    const peer = pid === undefined ? { name: peerName(host), hwaddr } : { name, hwaddr, pid }
    await links.change([
      { do: 'add-veth', name: host, mtu, peer },
      { do: 'set', name: host, to: { master: bridge } },
      ...(isolated ? [{ do: 'set', name: host, to: { isolated } } as const] : []),
      { do: 'set', name: host, to: { up: true } },
    ])
    undo.add(`delete interface "${host}"`, () =>
      links.exists(host) ? links.change([{ do: 'delete', name: host }]) : undefined,
    )
    if (pid === undefined) lxc = items({ type: 'phys', link: peerName(host), name, flags: 'up' })
  } else {
    const mtu = mtuOf(parts, config, undefined)
    lxc = items({
      type: 'veth',
      link: bridge,
      'veth.pair': host,
      name,
      hwaddr,
      ...(mtu === undefined ? {} : { mtu: String(mtu) }),
      flags: 'up',
    })
  }

  const added = routeChanges('add-route', config)
  if (added.length > 0) {
    undo.add('delete routes', () => links.change(routeChanges('delete-route', config)))
    await links.change(added)
  }
  return { lxc, volatile: { host_name: host } }
}

/** The name of the far end while it is still on the host. */
function peerName(host: string): string {
  return `p${host.slice(-14)}`
}

function items(values: Readonly<Record<string, string>>): LxcItem[] {
  return Object.entries(values).map(([key, value]): LxcItem => [`lxc.net.*.${key}`, value])
}

/** Unset where liblxc makes the link, which takes that of the bridge. */
function mtuOf({ networks }: BridgedParts, config: DeviceConfig, bridge: Link | undefined): number | undefined {
  if (config['mtu']) return Number(config['mtu'])
  return networks.find(bridgeOf(config))?.plan.link.mtu ?? bridge?.mtu
}

/** Makes the NIC known to its network: DNS and DHCP must know it before its first frame. */
async function attach({ networks }: BridgedParts, context: DeviceContext, undo: Undo, before?: DeviceContext) {
  const network = networks.find(bridgeOf(context.config))
  if (!network) return
  const lease = leaseOf(context)
  if (before) {
    undo.add('put the lease back', () => networks.attach(network.name, leaseOf(before)))
    // Addresses given up may be another's next.
    if (!isDeepStrictEqual(lease, leaseOf(before))) await networks.detach(network.name, leaseOf(before))
  }
  const fresh = await networks.attach(network.name, lease)
  if (!before && fresh) undo.add('drop the lease', () => networks.detach(network.name, lease))
}

function leaseOf(context: DeviceContext) {
  const { owner, device, config } = context
  return {
    project: owner.project,
    instance: owner.name,
    device,
    hwaddr: nicIdentity(context).hwaddr,
    ipv4: config['ipv4.address'] || undefined,
    ipv6: config['ipv6.address'] || undefined,
  }
}

async function checkBridge({ networks, links }: BridgedParts, bridge: string): Promise<void> {
  if (!links.exists(bridge)) throw badRequest(`Parent device "${bridge}" doesn't exist`)
  if (networks.find(bridge)) return
  if ((await links.read(bridge))?.kind !== 'bridge') throw badRequest(`Parent device "${bridge}" is not a bridge`)
}

function routeChanges(action: 'add-route' | 'delete-route', config: DeviceConfig): LinkChange[] {
  const destinations = [config['ipv4.routes'], config['ipv6.routes']].flatMap((text) => (text ? parseList(text) : []))
  return destinations.map((text) => {
    const { address, prefix } = networkOf(parseCidr(text))
    return { do: action, name: bridgeOf(config), destination: `${address}/${prefix}`, protocol: 'boot' }
  })
}

/** A change that takes away what may be gone already, or go away at the same moment. */
async function quietly(links: Links, change: LinkChange): Promise<void> {
  try {
    await links.change([change])
  } catch (error) {
    if (change.do === 'delete' && links.exists(change.name)) throw error
  }
}
