import { join } from 'node:path'
import type { AddressRange } from './types/bridge-keys.ts'

/** What the dnsmasq of a network is to do. */
export interface DnsmasqSettings {
  readonly link: string
  readonly ipv4:
    | {
        readonly address: string
        /** Where DHCP takes addresses from; none where there is no DHCP. */
        readonly ranges: readonly AddressRange[]
        readonly expiry: string
        readonly gateway: string | undefined
        readonly mtu: number | undefined
      }
    | undefined
  readonly ipv6:
    | {
        readonly address: string
        readonly prefix: number
        readonly mode: 'ra-only' | 'stateless' | 'stateful'
        readonly ranges: readonly AddressRange[]
        readonly expiry: string
      }
    | undefined
  readonly dns: {
    readonly mode: 'managed' | 'dynamic' | 'none'
    readonly domain: string
    readonly search: readonly string[]
  }
  /** The administrator's own lines, which only ever get into a file of their own. */
  readonly raw: string
}

/** The files of a network's dnsmasq, below `LXD_DIR/networks/NETWORK`. */
export interface DnsmasqFiles {
  readonly leases: string
  readonly hosts: string
  readonly pid: string
  readonly raw: string
}

export function dnsmasqFiles(directory: string): DnsmasqFiles {
  const file = (kind: string) => join(directory, `dnsmasq.${kind}`)
  return { leases: file('leases'), hosts: file('hosts'), pid: file('pid'), raw: file('raw') }
}

/** The argument that no other process has: how the dnsmasq of a network is known among others. */
export function dnsmasqMark(files: DnsmasqFiles): string {
  return path('pid-file', files.pid)
}

/**
 * The command line of a network's dnsmasq (dnsmasq(8)). It runs in the background, as `user` and `group`, and serves
 * the bridge only.
 */
export function dnsmasqArguments(
  settings: DnsmasqSettings,
  files: DnsmasqFiles,
  account: { readonly user: string; readonly group: string },
): string[] {
  const { link, ipv4, ipv6 } = settings
  return [
    dnsmasqMark(files),
    option('user', account.user),
    option('group', account.group),
    path('conf-file', files.raw),
    '--strict-order',
    '--bind-interfaces',
    option('interface', link),
    option('except-interface', 'lo'),
    ...[ipv4, ipv6].flatMap((family) => (family ? [option('listen-address', family.address)] : [])),
    '--no-ping',
    '--quiet-dhcp',
    '--quiet-dhcp6',
    '--quiet-ra',
    ...dhcp(settings, files),
    ...dns(settings),
  ]
}

function dhcp({ link, ipv4, ipv6, dns }: DnsmasqSettings, files: DnsmasqFiles): string[] {
  if (!ipv6 && !ipv4?.ranges.length) return []
  return [
    '--dhcp-authoritative',
    '--dhcp-no-override',
    '--dhcp-rapid-commit',
    // Leases go by MAC address alone: a client that claims another's identity must not get a lease of its own with
    // the other's name, and copies of one image, which share an identity, must not share an address.
    '--dhcp-ignore-clid',
    path('dhcp-leasefile', files.leases),
    path('dhcp-hostsfile', files.hosts),
    ...(dns.search.length > 0
      ? [
          option('dhcp-option-force', '119', ...dns.search),
          option('dhcp-option-force', 'option6:domain-search', ...dns.search),
        ]
      : []),
    ...(ipv4 ? dhcp4(ipv4) : []),
    ...(ipv6 ? dhcp6(link, ipv6) : []),
  ]
}

function dhcp4({ ranges, expiry, gateway, mtu }: NonNullable<DnsmasqSettings['ipv4']>): string[] {
  return [
    ...(gateway === undefined ? [] : [option('dhcp-option-force', '3', gateway)]),
    ...(mtu === undefined ? [] : [option('dhcp-option-force', '26', String(mtu))]),
    ...ranges.map(({ first, last }) => option('dhcp-range', first, last, expiry)),
  ]
}

function dhcp6(link: string, { mode, prefix, ranges, expiry }: NonNullable<DnsmasqSettings['ipv6']>): string[] {
  switch (mode) {
    case 'stateful':
      return [
        '--enable-ra',
        ...ranges.map(({ first, last }) => option('dhcp-range', first, last, String(prefix), expiry)),
      ]
    case 'stateless':
      // ra-names: who has a DHCPv4 lease gets a AAAA record for the address SLAAC gives to the same MAC address.
      return ['--enable-ra', option('dhcp-range', '::', `constructor:${link}`, 'ra-stateless', 'ra-names')]
    case 'ra-only':
      return ['--enable-ra', option('dhcp-range', '::', `constructor:${link}`, 'ra-only')]
  }
}

function dns({ link, dns: { mode, domain } }: DnsmasqSettings): string[] {
  return [
    // Whatever name a client claims is not its to choose: names are in the files of dhcp-hostsfile.
    ...(mode === 'dynamic' ? [] : ['--dhcp-ignore-names']),
    ...(mode === 'none'
      ? []
      : [
          option('domain', domain),
          option('local', `/${domain}/`),
          option('interface-name', `_gateway.${domain}`, link),
        ]),
  ]
}

/** A NIC as dnsmasq is told of it. */
export interface DhcpHost {
  readonly hwaddr: string
  readonly ipv4?: string | undefined
  readonly ipv6?: string | undefined
  readonly name?: string | undefined
}

/** The line for a NIC in a file of `dhcp-hostsfile`, or undefined where there is nothing to tell. */
export function dhcpHostLine({ hwaddr, ipv4, ipv6, name }: DhcpHost): string | undefined {
  if (ipv4 === undefined && ipv6 === undefined && name === undefined) return undefined
  const parts = [
    hwaddr,
    ...(ipv4 === undefined ? [] : [ipv4]),
    ...(ipv6 === undefined ? [] : [`[${ipv6}]`]),
    ...(name === undefined ? [] : [name]),
  ]
  return `${parts.map(value).join(',')}\n`
}

function option(name: string, ...values: readonly string[]): string {
  return `--${name}=${values.map(value).join(',')}`
}

function path(name: string, file: string): string {
  if (!/^\/[^\p{C}"\\,]+$/u.test(file))
    throw new Error(`Cannot hand ${JSON.stringify(file)} to dnsmasq: not a plain path`)
  return `--${name}=${file}`
}

/** A value between commas. dnsmasq knows no quoting on its command line, so what it could misread is refused. */
function value(text: string): string {
  if (text === '' || !/^[\w./:[\]@%+~-]+$/.test(text)) {
    throw new Error(`Cannot hand ${JSON.stringify(text)} to dnsmasq: not a plain value`)
  }
  return text
}
