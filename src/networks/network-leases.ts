import { readFile } from 'node:fs/promises'
import { addressToNumber, networkOf, numberToAddress, parseCidr } from '#base/address.ts'
import { conflict } from '#base/failure.ts'
import type { ReleaseDhcp } from '#host/dhcp-release.ts'
import type { NetworkLease } from '#schema/network.ts'
import type { Store } from '#store/store.ts'
import type { DhcpHost } from './dnsmasq-config.ts'
import type { Dnsmasq } from './dnsmasq.ts'
import { parseLeases, slaacAddress } from './leases.ts'
import { networkNics } from './network-nics.ts'
import type { NetworkNic } from './network-nics.ts'
import type { NetworkPlan } from './network-type.ts'

/** A NIC as its network knows it. */
export interface NicLease {
  readonly project: string
  readonly instance: string
  readonly device: string
  readonly hwaddr: string
  /** Static addresses. */
  readonly ipv4?: string | undefined
  readonly ipv6?: string | undefined
}

interface LeasedNetwork {
  readonly name: string
  readonly plan: NetworkPlan
}

type NicName = Pick<NicLease, 'project' | 'instance' | 'device'>

/** Who has which address and which name on a network: the static part in dnsmasq's hosts, the rest in its leases. */
export class NetworkLeases {
  readonly #store: Store
  readonly #releaseDhcp: ReleaseDhcp
  readonly #dnsmasq: (network: string) => Dnsmasq

  constructor(options: {
    readonly store: Store
    readonly releaseDhcp: ReleaseDhcp
    readonly dnsmasq: (network: string) => Dnsmasq
  }) {
    this.#store = options.store
    this.#releaseDhcp = options.releaseDhcp
    this.#dnsmasq = options.dnsmasq
  }

  /** Tells dnsmasq of a NIC, and whether it is a new one. Throws where another has its name already. */
  async set(network: LeasedNetwork, nic: NicLease): Promise<boolean> {
    const dnsmasq = this.#dnsmasq(network.name)
    const known = await dnsmasq.knownHosts()
    const name = nic.instance.toLowerCase()
    const nics = networkNics(this.#store, network.name)
    const other = nics.find(
      (one) => one.instance.toLowerCase() === name && fileOf(one) !== fileOf(nic) && known.has(fileOf(one)),
    )
    if (other && isManaged(network)) {
      // Who starts an instance need not know what is in other projects.
      const who =
        other.project === nic.project
          ? `device "${other.device}" of instance "${other.instance}"`
          : 'a device of an instance in another project'
      throw conflict(`Instance DNS name "${nic.instance}" already used on network "${network.name}" by ${who}`)
    }
    const fresh = !known.has(fileOf(nic))
    // Renamed since: two entries for one address would be at odds.
    if (fresh) await dnsmasq.dropHosts(nic.hwaddr, new Set([...nics, nic].map(fileOf)))
    if ((await dnsmasq.setHost(fileOf(nic), hostOf(network, nic))) && network.plan.dnsmasq) dnsmasq.reload()
    return fresh
  }

  async drop(network: LeasedNetwork, nic: Omit<NicLease, 'ipv4' | 'ipv6'>): Promise<void> {
    const dnsmasq = this.#dnsmasq(network.name)
    if ((await dnsmasq.dropHost(fileOf(nic))) && network.plan.dnsmasq) dnsmasq.reload()
    await this.#release(network, nic)
  }

  /** Gives back what a NIC has got by DHCP, so that others can get it. */
  async #release({ name, plan }: LeasedNetwork, { hwaddr, instance }: Omit<NicLease, 'ipv4' | 'ipv6'>): Promise<void> {
    const server = plan.dnsmasq?.ipv4?.address
    const { leases, serverDuid } = await this.#read(this.#dnsmasq(name))
    for (const { address, identity, ...lease } of leases) {
      const ours = lease.hwaddr === '' ? lease.hostname === instance : lease.hwaddr === hwaddr
      if (!ours) continue
      if (identity && serverDuid) {
        const { duid: clientDuid, iaid } = identity
        await this.#releaseDhcp({ family: 6, link: name, address, serverDuid, clientDuid, iaid })
      } else if (!identity && server) {
        await this.#releaseDhcp({ family: 4, server, address, hwaddr: lease.hwaddr })
      }
    }
  }

  /**
   * Makes what dnsmasq is told agree with the store: NICs it knows, and those with static addresses, which must not
   * be given to others even before their instance first starts. The NICs that it knew first keep their names.
   */
  async refresh(network: LeasedNetwork): Promise<void> {
    const dnsmasq = this.#dnsmasq(network.name)
    const known = await dnsmasq.knownHosts()
    const nics = networkNics(this.#store, network.name).map(leaseOf)
    const [first, later] = [nics.filter((nic) => known.has(fileOf(nic))), nics.filter((nic) => !known.has(fileOf(nic)))]
    const names = new Set<string>()
    const hosts = new Map<string, DhcpHost>()
    for (const nic of [...first, ...later.filter(({ ipv4, ipv6 }) => ipv4 !== undefined || ipv6 !== undefined)]) {
      if (nic.hwaddr === '') continue
      const { name, ...host } = hostOf(network, nic)
      const taken = name === undefined || names.has(name.toLowerCase())
      if (!taken) names.add(name.toLowerCase())
      hosts.set(fileOf(nic), taken ? host : { ...host, name })
    }
    if ((await dnsmasq.setHosts(hosts)) && network.plan.dnsmasq) dnsmasq.reload()
  }

  /** The addresses in use by instances of a project; those of the network itself are shown in the project "default". */
  async list(network: LeasedNetwork, project: string): Promise<NetworkLease[]> {
    const nics = networkNics(this.#store, network.name).filter((nic) => nic.project === project)
    const byHwaddr = new Map(nics.map((nic) => [nic.hwaddr, nic]))
    const leases = new Map<string, NetworkLease>()
    const add = (lease: NetworkLease) => leases.set(`${lease.address} ${lease.hwaddr}`, lease)

    if (project === 'default') for (const lease of gateways(network)) add(lease)
    const { leases: given } = await this.#read(this.#dnsmasq(network.name))
    for (const { address, hwaddr, hostname } of given) {
      const nic = byHwaddr.get(hwaddr) ?? nics.find(({ instance }) => hwaddr === '' && instance === hostname)
      if (nic) add({ ...leaseFor(nic), address, type: 'dynamic' })
    }
    for (const nic of nics)
      for (const address of slaac(network, nic)) add({ ...leaseFor(nic), address, type: 'dynamic' })
    for (const nic of nics) {
      const { ipv4, ipv6 } = leaseOf(nic)
      for (const address of [ipv4, ipv6]) if (address) add({ ...leaseFor(nic), address, type: 'static' })
    }
    return [...leases.values()]
  }

  async #read(dnsmasq: Dnsmasq) {
    return parseLeases(await readFile(dnsmasq.files.leases, 'utf8').catch(() => ''))
  }
}

/** The name of a NIC's file among dnsmasq's hosts. */
function fileOf({ project, instance, device }: NicName): string {
  return `${project === 'default' ? '' : `${project}_`}${instance}.${device}`
}

function isManaged({ plan }: LeasedNetwork): boolean {
  return plan.dnsmasq?.dns.mode === 'managed'
}

function hostOf(network: LeasedNetwork, { instance, hwaddr, ipv4, ipv6 }: NicLease): DhcpHost {
  return { hwaddr, ipv4, ipv6, ...(isManaged(network) ? { name: instance } : {}) }
}

function leaseOf({ project, instance, device, config, hwaddr }: NetworkNic): NicLease {
  const address = (key: string) => (config[key] && config[key] !== 'none' ? config[key] : undefined)
  return { project, instance, device, hwaddr, ipv4: address('ipv4.address'), ipv6: address('ipv6.address') }
}

function leaseFor({ instance, hwaddr }: NetworkNic) {
  return { hostname: instance, hwaddr, location: 'none' }
}

function gateways({ name, plan }: LeasedNetwork): NetworkLease[] {
  return plan.link.addresses.map((cidr) => ({
    hostname: `${name}.gw`,
    hwaddr: '',
    address: parseCidr(cidr).address,
    type: 'gateway',
    location: '',
  }))
}

/** What a NIC's address is where clients choose it themselves. */
function slaac({ plan }: LeasedNetwork, { hwaddr }: NetworkNic): string[] {
  const ipv6 = plan.dnsmasq?.ipv6
  if (!ipv6 || ipv6.mode === 'stateful' || ipv6.prefix !== 64 || hwaddr === '') return []
  const network = networkOf({ address: ipv6.address, prefix: 64, family: 6 })
  return [numberToAddress(slaacAddress(addressToNumber(network.address), hwaddr), 6)]
}
