import { existsSync } from 'node:fs'
import { run as runProgram } from './run.ts'
import type { Run } from './run.ts'

/** One change of the host's interfaces, addresses or routes. Each can be made twice but for the first three. */
export type LinkChange =
  | { readonly do: 'add-bridge'; readonly name: string }
  | { readonly do: 'add-veth'; readonly name: string; readonly mtu?: number | undefined; readonly peer: VethPeer }
  | { readonly do: 'delete'; readonly name: string }
  | { readonly do: 'set'; readonly name: string; readonly to: LinkSettings }
  | { readonly do: 'add-address' | 'delete-address'; readonly name: string; readonly address: string }
  | ({ readonly do: 'add-route' | 'delete-route'; readonly name: string } & LinkRoute)

/** The other end of a veth pair; with `pid` it is made in the network namespace of that process. */
export interface VethPeer {
  readonly name: string
  readonly hwaddr?: string | undefined
  readonly pid?: number | undefined
}

export interface LinkSettings {
  readonly up?: boolean
  readonly mtu?: number
  readonly hwaddr?: string
  /** The bridge to join; empty for none. */
  readonly master?: string
  /** Bridge ports only: whether it is kept from talking to other isolated ports. */
  readonly isolated?: boolean
}

/** A route to a network behind a link. `protocol` tells who made it (ip-route(8)). */
export interface LinkRoute {
  readonly destination: string
  readonly protocol: 'static' | 'boot'
}

export interface LinkAddress {
  readonly family: 4 | 6
  readonly address: string
  readonly prefix: number
  /** `global`, `link` or `host`. */
  readonly scope: string
}

/** A network interface of the host. */
export interface Link {
  readonly name: string
  /** The kernel's kind of virtual link such as `bridge` or `veth`; empty for hardware and the loopback. */
  readonly kind: string
  /** Whether it is a device of the machine, real or emulated. */
  readonly hardware: boolean
  readonly flags: readonly string[]
  readonly hwaddr: string
  readonly mtu: number
  /** The bridge or bond it is a port of. */
  readonly master: string | undefined
  /** The link below it, of a VLAN. */
  readonly lower: string | undefined
  readonly addresses: readonly LinkAddress[]
  readonly counters: LinkCounters
  /** What the kernel tells of its kind, in the words of ip(8). */
  readonly details: Readonly<Record<string, unknown>>
}

export interface LinkCounters {
  readonly bytesReceived: number
  readonly bytesSent: number
  readonly packetsReceived: number
  readonly packetsSent: number
}

/** A route of any table. */
export interface Route {
  /** An address, a network or `default`. */
  readonly destination: string
  readonly link: string | undefined
  readonly protocol: string
}

/** The host's network interfaces. */
export interface Links {
  /** Makes the changes in order, stopping at the first that fails; the ones before it stay made. */
  change(changes: readonly LinkChange[]): Promise<void>
  /** Cheap: asks /proc. */
  exists(name: string): boolean
  read(name: string): Promise<Link | undefined>
  readAll(): Promise<Link[]>
  readRoutes(): Promise<Route[]>
}

/** The links of the network namespace this process is in, by ip(8). */
export function hostLinks(run: Run = runProgram): Links {
  const exists = (name: string) => /^[\w.-]+$/.test(name) && existsSync(`/proc/sys/net/ipv4/conf/${name}/forwarding`)
  const read = async (...device: string[]): Promise<Link[]> => {
    const { stdout } = await run('ip', ['-json', '-details', '-statistics', 'address', 'show', ...device])
    return (JSON.parse(stdout) as IpLink[]).filter(({ ifname }) => ifname !== undefined).map(toLink)
  }
  return {
    async change(changes) {
      if (changes.length === 0) return
      await run('ip', ['-batch', '-'], { input: ipBatch(changes) })
    },
    exists,
    async read(name) {
      return exists(name) ? (await read('dev', name))[0] : undefined
    },
    readAll: () => read(),
    async readRoutes() {
      const { stdout } = await run('ip', ['-json', 'route', 'show', 'table', 'all'])
      const routes = JSON.parse(stdout || '[]') as { dst?: string; dev?: string; protocol?: string }[]
      return routes.map(({ dst = '', dev, protocol = '' }) => ({ destination: dst, link: dev, protocol }))
    },
  }
}

/** The lines that `ip -batch -` takes for the changes. Throws where a value could be more than one word. */
export function ipBatch(changes: readonly LinkChange[]): string {
  return changes
    .flatMap(words)
    .map((line) => `${line.map(word).join(' ')}\n`)
    .join('')
}

function word(text: string): string {
  if (!/^[\w./:+-]+$/.test(text)) throw new Error(`Cannot hand ${JSON.stringify(text)} to ip: not a plain word`)
  return text
}

function words(change: LinkChange): string[][] {
  const { name } = change
  switch (change.do) {
    case 'add-bridge':
      return [['link', 'add', 'name', name, 'type', 'bridge']]
    case 'add-veth': {
      const { mtu, peer } = change
      const size = mtu === undefined ? [] : ['mtu', String(mtu)]
      const address = peer.hwaddr === undefined ? [] : ['address', peer.hwaddr]
      const place = peer.pid === undefined ? [] : ['netns', String(peer.pid)]
      return [
        [
          'link',
          'add',
          'name',
          name,
          ...size,
          'type',
          'veth',
          'peer',
          'name',
          peer.name,
          ...address,
          ...size,
          ...place,
        ],
      ]
    }
    case 'delete':
      return [['link', 'delete', 'dev', name]]
    case 'set':
      return setting(name, change.to)
    case 'add-address':
      return [['address', 'replace', change.address, 'dev', name]]
    case 'delete-address':
      return [['address', 'delete', change.address, 'dev', name]]
    case 'add-route':
      return [['route', 'replace', change.destination, 'dev', name, 'proto', change.protocol]]
    case 'delete-route':
      return [['route', 'delete', change.destination, 'dev', name, 'proto', change.protocol]]
  }
}

function setting(name: string, { up, mtu, hwaddr, master, isolated }: LinkSettings): string[][] {
  const common = [
    ...(hwaddr === undefined ? [] : ['address', hwaddr]),
    ...(mtu === undefined ? [] : ['mtu', String(mtu)]),
    ...(master === undefined ? [] : master === '' ? ['nomaster'] : ['master', master]),
  ]
  const lines: string[][] = []
  if (common.length > 0) lines.push(['link', 'set', 'dev', name, ...common])
  if (isolated !== undefined) {
    lines.push(['link', 'set', 'dev', name, 'type', 'bridge_slave', 'isolated', isolated ? 'on' : 'off'])
  }
  // Last, so that no frame passes before everything else is set.
  if (up !== undefined) lines.push(['link', 'set', 'dev', name, up ? 'up' : 'down'])
  return lines
}

/** What ip(8) prints of a link, as far as we read it. */
interface IpLink {
  readonly ifname?: string
  readonly flags?: readonly string[]
  readonly address?: string
  readonly mtu?: number
  readonly master?: string
  readonly link?: string
  readonly parentdev?: string
  readonly linkinfo?: { readonly info_kind?: string; readonly info_data?: Readonly<Record<string, unknown>> }
  readonly addr_info?: readonly { family?: string; local?: string; prefixlen?: number; scope?: string }[]
  readonly stats64?: Readonly<Record<'rx' | 'tx', { readonly bytes?: number; readonly packets?: number }>>
}

function toLink(from: IpLink): Link {
  const { rx, tx } = from.stats64 ?? {}
  return {
    name: from.ifname ?? '',
    kind: from.linkinfo?.info_kind ?? '',
    hardware: from.parentdev !== undefined,
    flags: from.flags ?? [],
    hwaddr: from.address ?? '',
    mtu: from.mtu ?? 0,
    master: from.master,
    lower: from.link,
    addresses: (from.addr_info ?? [])
      .filter(({ local }) => local !== undefined)
      .map(({ family, local = '', prefixlen = 0, scope = '' }) => ({
        family: family === 'inet6' ? 6 : 4,
        address: local,
        prefix: prefixlen,
        scope,
      })),
    counters: {
      bytesReceived: rx?.bytes ?? 0,
      bytesSent: tx?.bytes ?? 0,
      packetsReceived: rx?.packets ?? 0,
      packetsSent: tx?.packets ?? 0,
    },
    details: from.linkinfo?.info_data ?? {},
  }
}
