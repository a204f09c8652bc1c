import { badRequest, conflict } from '#base/failure.ts'
import type { Log } from '#base/log.ts'
import { networkChains } from '#firewall/network-rules.ts'
import { deleteTable, replaceChains, table } from '#firewall/nftables.ts'
import type { Link, LinkChange, Links } from '#host/links.ts'
import type { Nft } from '#host/nft.ts'
import type { Sysctls } from '#host/sysctls.ts'
import type { NetworkPlan } from './network-type.ts'

/** What of the host networks act on. */
export interface NetworkHost {
  readonly links: Links
  readonly sysctls: Sysctls
  readonly nft: Nft
  readonly log: Log
}

/**
 * Makes the host's link, rules and parameters as planned, from whatever they are. `before` is the plan that held so
 * far: what only it has is taken away.
 */
export async function applyPlan(host: NetworkHost, plan: NetworkPlan, before?: NetworkPlan): Promise<void> {
  const { name } = plan.link
  // First of all, so that no packet passes without them.
  await host.nft.apply(replaceChains(networkChains(name), plan.chains))

  const found = await host.links.read(name)
  if (found && found.kind !== 'bridge') throw conflict(`Network interface "${name}" already exists and is no bridge`)
  await host.links.change(linkChanges(plan, found))
  for (const { path, value } of plan.sysctls) {
    // Without IPv6 the kernel has none of them.
    if ((await host.sysctls.read(path)) !== undefined) await host.sysctls.write(path, value)
  }
  await host.links.change([
    // Before the addresses: with the last address of a family the kernel drops the routes itself.
    ...(found ? await staleRoutes(host, plan) : []),
    ...addressChanges(plan, found),
    { do: 'set', name, to: { up: true } },
    ...(await portChanges(host, plan, before)),
    ...plan.link.routes.map((destination): LinkChange => ({ do: 'add-route', name, destination, protocol: 'static' })),
  ])
  for (const family of plan.forwarding) await enableForwarding(host, family)
}

/** Takes a network's link and rules away. What is gone already is no failure. */
export async function removeFromHost({ links, nft }: NetworkHost, name: string): Promise<void> {
  const found = await links.read(name)
  if (found?.kind === 'bridge') await links.change([{ do: 'delete', name }])
  await nft.apply(replaceChains(networkChains(name), []))
  if ((await nft.readChains({ family: 'inet', name: table })).length === 0) await nft.apply(deleteTable('inet'))
}

function linkChanges({ link: { name, hwaddr, mtu } }: NetworkPlan, found: Link | undefined): LinkChange[] {
  const to = {
    ...(found?.hwaddr === hwaddr ? {} : { hwaddr }),
    // Also where it has that size by chance: one that was never set follows the smallest port.
    ...(found?.mtu === mtu ? {} : { mtu }),
  }
  return [
    ...(found ? [] : [{ do: 'add-bridge', name } as const]),
    ...(Object.keys(to).length > 0 ? [{ do: 'set', name, to } as const] : []),
  ]
}

function addressChanges({ link: { name, addresses } }: NetworkPlan, found: Link | undefined): LinkChange[] {
  const there = (found?.addresses ?? [])
    .filter(({ scope }) => scope === 'global')
    .map(({ address, prefix }) => `${address}/${prefix}`)
  const add = addresses.filter((address) => !there.includes(address))
  const remove = there.filter((address) => !addresses.includes(address))
  if (add.length + remove.length === 0) return []
  const added = addresses.map((address): LinkChange => ({ do: 'add-address', name, address }))
  return [
    ...added,
    ...remove.map((address): LinkChange => ({ do: 'delete-address', name, address })),
    // The kernel drops what it took for a second address of a subnet along with the first one.
    ...(remove.length > 0 ? added : []),
  ]
}

async function portChanges(
  { links, log }: NetworkHost,
  { link }: NetworkPlan,
  before: NetworkPlan | undefined,
): Promise<LinkChange[]> {
  const changes: LinkChange[] = []
  for (const name of before?.link.ports ?? []) {
    if (link.ports.includes(name) || (await links.read(name))?.master !== link.name) continue
    changes.push({ do: 'set', name, to: { master: '' } })
  }
  for (const name of link.ports) {
    const port = await links.read(name)
    if (!port) {
      log.warn('Cannot find an interface that is to be a port of a network', { network: link.name, interface: name })
      continue
    }
    if (port.master === link.name) continue
    if (port.master !== undefined) throw inUse(name, `it is a port of "${port.master}"`)
    if (port.addresses.some(({ scope }) => scope === 'global')) throw inUse(name, 'it has addresses')
    changes.push({ do: 'set', name, to: { master: link.name, up: true } })
  }
  return changes
}

function inUse(name: string, why: string) {
  return badRequest(`Invalid network configuration: "bridge.external_interfaces": "${name}" can not be used: ${why}`)
}

async function staleRoutes({ links }: NetworkHost, { link: { name, routes } }: NetworkPlan): Promise<LinkChange[]> {
  return (await links.readRoutes())
    .filter(({ link, protocol }) => link === name && protocol === 'static')
    .map(({ destination }) => (destination.includes('/') ? destination : hostNetwork(destination)))
    .filter((destination) => !routes.includes(destination))
    .map((destination) => ({ do: 'delete-route', name, destination, protocol: 'static' }))
}

function hostNetwork(address: string): string {
  return `${address}/${address.includes(':') ? 128 : 32}`
}

async function enableForwarding({ sysctls }: NetworkHost, family: 4 | 6): Promise<void> {
  if (family === 4) {
    await sysctls.write(['net', 'ipv4', 'ip_forward'], '1')
    return
  }
  const all = ['net', 'ipv6', 'conf', 'all', 'forwarding']
  if ((await sysctls.read(all)) === '1') return
  // A router does not listen to other routers, unless told so for good: the host would lose the default route that it
  // learned from an advertisement.
  for (const name of await sysctls.list(['net', 'ipv6', 'conf'])) {
    const accept = ['net', 'ipv6', 'conf', name, 'accept_ra']
    if (name !== 'all' && name !== 'default' && (await sysctls.read(accept)) === '1') await sysctls.write(accept, '2')
  }
  await sysctls.write(all, '1')
}
