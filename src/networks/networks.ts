import { mkdir, rm } from 'node:fs/promises'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { parseCidr } from '#base/address.ts'
import { badRequest, conflict, explain, notFound } from '#base/failure.ts'
import { newMac } from '#base/id.ts'
import { parseLinkName } from '#base/link-name.ts'
import { Locks } from '#base/locks.ts'
import { Undo } from '#base/undo.ts'
import { checkConfig, withoutEmpty } from '#config/config.ts'
import type { Events, Requestor } from '#events/events.ts'
import type { Daemons } from '#host/daemons.ts'
import type { ReleaseDhcp } from '#host/dhcp-release.ts'
import type { Link } from '#host/links.ts'
import type { Policy } from '#projects/policy/policy.ts'
import type { Network, NetworkLease, NetworkPut, NetworksPost, NetworkState } from '#schema/network.ts'
import { networkRecords } from '#store/network-record.ts'
import type { NetworkRecord } from '#store/network-record.ts'
import type { Records, Stored } from '#store/records.ts'
import type { Store } from '#store/store.ts'
import type { Warnings } from '#warnings/warnings.ts'
import { Dnsmasq } from './dnsmasq.ts'
import { applyPlan, removeFromHost } from './network-host.ts'
import type { NetworkHost } from './network-host.ts'
import { NetworkLeases } from './network-leases.ts'
import type { NicLease } from './network-leases.ts'
import { networkState } from './network-state.ts'
import type { FreeSubnets, NetworkPlan } from './network-type.ts'
import { networkNics, networkUsers } from './network-nics.ts'
import type { NetworkNic, NetworkUser } from './network-nics.ts'
import { freeSubnets, overlap } from './subnets.ts'
import { networkType } from './types/all.ts'

export interface NetworksOptions extends NetworkHost {
  readonly store: Store
  readonly events: Events
  readonly daemons: Daemons
  readonly releaseDhcp: ReleaseDhcp
  readonly policy: Pick<Policy, 'commit'>
  readonly warnings?: Pick<Warnings, 'raise'>
  /** LXD_DIR. */
  readonly directory: string
  /** What dnsmasq runs as. */
  readonly account: { readonly user: string; readonly group: string }
}

/** A network we manage, as NICs see it. */
export interface ManagedNetwork {
  readonly name: string
  readonly type: string
  readonly config: Readonly<Record<string, string>>
  readonly plan: NetworkPlan
}

/** Networks are not of a project until projects can have their own: all live here. */
const project = 'default'

/** The networks we manage, and the host's own interfaces beside them. */
export class Networks {
  readonly #options: NetworksOptions
  readonly #records: Records<NetworkRecord>
  readonly #leases: NetworkLeases
  readonly #locks = new Locks()
  /** Why a network could not be brought up. */
  readonly #failed = new Map<string, unknown>()

  constructor(options: NetworksOptions) {
    this.#options = options
    this.#records = networkRecords(options.store)
    this.#leases = new NetworkLeases({
      store: options.store,
      releaseDhcp: options.releaseDhcp,
      dnsmasq: (name) => this.#dnsmasq(name),
    })
  }

  /** Brings all networks up as they are configured, taking up what runs already; removes what was half made. */
  async start(): Promise<void> {
    await Promise.all(
      this.#records.list().map(async ({ value }) => {
        try {
          await patiently(() => (value.phase === 'ready' ? this.#apply(value) : this.#remove(value.name)))
        } catch (error) {
          this.#failed.set(value.name, error)
          const message = explain(error)
          this.#options.log.error('Cannot bring a network up', { network: value.name, error: message })
          const entity = `/1.0/networks/${encodeURIComponent(value.name)}`
          this.#options.warnings?.raise({ type: 'Network unavailable', project: 'default', entity, message })
        }
      }),
    )
  }

  /** Takes down the networks that no instance is on at the moment. The others, and their dnsmasq, stay as they are. */
  async stop(): Promise<void> {
    const links = await this.#options.links.readAll()
    for (const { value } of this.#records.list()) {
      const own = this.#plan(value).link.ports
      if (links.some(({ name, master }) => master === value.name && !own.includes(name))) continue
      await this.#dnsmasq(value.name).stop()
      await removeFromHost(this.#options, value.name)
    }
  }

  /** All networks, and the interfaces of the host. */
  async list(): Promise<Network[]> {
    const managed = this.#records.list().map(({ value }) => this.#show(value))
    const names = new Set(managed.map(({ name }) => name))
    const links = await this.#options.links.readAll()
    // The host's ends of instances' NICs are no networks.
    const others = links.filter(({ name }) => !names.has(name) && !name.startsWith('veth'))
    return [...managed, ...others.map((link) => this.#showLink(link))]
  }

  async get(name: string): Promise<Network> {
    const stored = this.#records.get(project, name)
    if (stored) return this.#show(stored.value)
    const link = await this.#options.links.read(name)
    if (!link) throw notFound('Network not found')
    return this.#showLink(link)
  }

  /** The network if it is one of ours. */
  find(name: string): ManagedNetwork | undefined {
    const record = this.#records.get(project, name)?.value
    if (!record) return undefined
    return { name, type: record.type, config: record.config, plan: this.#plan(record) }
  }

  async create(post: NetworksPost, requestor?: Requestor): Promise<void> {
    const { name, description } = post
    const type = networkType(post.type)
    checkName(name)
    using _ = await this.#locks.take('networks')
    if (this.#records.get(project, name)) throw badRequest('The network already exists')
    if (this.#options.links.exists(name)) throw badRequest(`Network interface "${name}" already exists`)

    checkConfig('network', type.keys, post.config)
    const config = await type.complete(withoutEmpty(post.config), this.#free())
    const record = { project, name, type: type.type, description, config, hwaddr: newMac(), phase: 'ready' } as const
    await this.#commit(undefined, record)
    this.#tell('network-created', name, { requestor })
  }

  /**
   * Gives a network another configuration. `change` is called with the network as it is and returns what it is to
   * be; what it throws ends the update.
   */
  async update(name: string, change: (now: Network) => NetworkPut, requestor?: Requestor): Promise<void> {
    using _ = await this.#locks.take('networks')
    const before = this.#stored(name)
    const type = networkType(before.value.type)
    const put = change(this.#show(before.value))

    checkConfig('network', type.keys, put.config)
    const config = await type.resolve(withoutEmpty(put.config), this.#free(name))
    await this.#commit(before, { ...before.value, description: put.description, config })
    this.#tell('network-updated', name, { requestor })
  }

  async rename(name: string, newName: string, requestor?: Requestor): Promise<void> {
    using _ = await this.#locks.take('networks')
    const before = this.#stored(name)
    if (newName === '') throw badRequest('New network name not provided')
    checkName(newName)
    if (this.#users(name).length > 0) throw badRequest('Network is currently in use')
    if (this.#records.get(project, newName)) throw conflict(`Network "${newName}" already exists`)
    if (this.#options.links.exists(newName)) throw conflict(`Network interface "${newName}" already exists`)

    await using undo = this.#undo()
    undo.add('bring the network up again', () => this.#apply(before.value))
    await this.#takeDown(name)
    await this.#commit(before, { ...before.value, name: newName })
    undo.keep()
    this.#tell('network-renamed', newName, { requestor, context: { old_name: name } })
  }

  async delete(name: string, requestor?: Requestor): Promise<void> {
    using _ = await this.#locks.take('networks')
    const { value, revision } = this.#stored(name)
    if (this.#users(name).length > 0) throw badRequest('The network is currently in use')

    const deleting = this.#records.put({ ...value, phase: 'deleting' }, project, name)
    await this.#options.store.commit([deleting], [this.#records.expect(revision, project, name)])
    await this.#remove(name)
    this.#tell('network-deleted', name, { requestor })
  }

  async state(name: string): Promise<NetworkState> {
    const links = await this.#options.links.readAll()
    const link = links.find((one) => one.name === name)
    if (!link) throw notFound(`Network interface "${name}" not found`)
    const ports = links.filter(({ master }) => master === name).map((port) => port.name)
    return networkState(link, ports)
  }

  /** The addresses in use on a network by instances of one project. */
  async leases(name: string, ofProject: string): Promise<NetworkLease[]> {
    this.#stored(name)
    return await this.#leases.list(this.#managed(name), ofProject)
  }

  /**
   * Makes a NIC known to the network before it comes up: its name in DNS and its static addresses. Brings the network
   * up again where it is not. Throws where the name is taken. Tells whether the NIC was not known before.
   */
  async attach(name: string, nic: NicLease): Promise<boolean> {
    if (!this.#isUp(this.#managed(name))) {
      using _ = await this.#locks.take('networks')
      if (!this.#isUp(this.#managed(name))) await this.#apply(this.#stored(name).value)
    }
    using _ = await this.#locks.take(`leases of ${name}`)
    return await this.#leases.set(this.#managed(name), nic)
  }

  /** The NICs of all instances on a network, running or not. */
  nics(name: string): NetworkNic[] {
    return networkNics(this.#options.store, name)
  }

  /** Forgets a NIC that was removed, and gives its leases back. */
  async detach(name: string, nic: Pick<NicLease, 'project' | 'instance' | 'device' | 'hwaddr'>): Promise<void> {
    using _ = await this.#locks.take(`leases of ${name}`)
    const network = this.find(name)
    if (network) await this.#leases.drop(network, nic)
  }

  /**
   * The one way a network is written: checks what it is to be, writes it, and makes the host agree. What fails is
   * taken back, and what is killed half-way is finished, or for a new network removed, by the next start.
   */
  async #commit(before: Stored<NetworkRecord> | undefined, after: NetworkRecord): Promise<void> {
    const type = networkType(after.type)
    checkConfig('network', type.keys, after.config)
    type.check(after)
    this.#checkSubnets(before?.value.name, after)

    const old = before?.value
    const records = this.#records
    const moved = old && old.name !== after.name ? [records.delete(project, old.name)] : []
    await using undo = this.#undo()
    const written = before ? after : { ...after, phase: 'creating' as const }
    await this.#options.policy.commit(
      { network: written },
      [...moved, records.put(written, project, after.name)],
      [records.expect(before?.revision ?? 0, project, old?.name ?? after.name)],
    )
    undo.add('write the network back', () =>
      this.#options.store.commit([
        ...(old?.name === after.name ? [] : [records.delete(project, after.name)]),
        ...(old ? [records.put(old, project, old.name)] : []),
      ]),
    )

    const inPlace = old?.name === after.name
    if (!inPlace || !samePlan(type.plan(old), type.plan(after))) {
      undo.add('put the host back', () => (inPlace ? this.#apply(old, after) : this.#takeDown(after.name)))
      await this.#apply(after, inPlace ? old : undefined)
    }
    if (!before) await this.#options.store.commit([records.put(after, project, after.name)])
    undo.keep()
  }

  /** Makes the host agree with a record. */
  async #apply(record: NetworkRecord, before?: NetworkRecord): Promise<void> {
    const { name } = record
    const plan = this.#plan(record)
    await mkdir(this.#directory(name), { recursive: true, mode: 0o711 })
    await applyPlan(this.#options, plan, before && this.#plan(before))

    using _ = await this.#locks.take(`leases of ${name}`)
    const dnsmasq = this.#dnsmasq(name)
    await this.#leases.refresh({ name, plan })
    if (plan.dnsmasq) await dnsmasq.ensure(plan.dnsmasq)
    else await dnsmasq.stop()
    this.#failed.delete(name)
  }

  /** Takes everything of a network away, its record last. */
  async #remove(name: string): Promise<void> {
    await this.#takeDown(name)
    await this.#options.store.commit([this.#records.delete(project, name)])
  }

  async #takeDown(name: string): Promise<void> {
    await this.#dnsmasq(name).stop()
    await removeFromHost(this.#options, name)
    await rm(this.#directory(name), { recursive: true, force: true })
    this.#failed.delete(name)
  }

  #checkSubnets(oldName: string | undefined, after: NetworkRecord): void {
    const others = this.#records
      .list()
      .filter(({ value }) => value.name !== after.name && value.name !== oldName)
      .flatMap(({ value }) =>
        networkType(value.type)
          .subnets(value.config)
          .map((subnet) => ({ subnet, by: value.name })),
      )
    for (const subnet of networkType(after.type).subnets(after.config)) {
      const cidr = parseCidr(subnet)
      const taken = others.find((other) => overlap(cidr, parseCidr(other.subnet)))
      if (!taken) continue
      throw badRequest(
        `Invalid network configuration: "ipv${cidr.family}.address": ${subnet} overlaps with ${taken.subnet} of network "${taken.by}"`,
      )
    }
  }

  /** Subnets that neither the host nor another network uses; those of the network `except` may be taken again. */
  #free(except?: string): FreeSubnets {
    const { links, sysctls } = this.#options
    return freeSubnets(async () => {
      const [all, routes, ipv6] = await Promise.all([
        links.readAll(),
        links.readRoutes(),
        sysctls.list(['net', 'ipv6', 'conf']),
      ])
      const addresses = all.filter(({ name }) => name !== except).flatMap((link) => link.addresses)
      return {
        taken: [
          ...routes.filter(({ link }) => link !== except).map(({ destination }) => destination),
          ...addresses.map(({ address, prefix }) => `${address}/${prefix}`),
          ...this.#records.list().flatMap(({ value }) => networkType(value.type).subnets(value.config)),
        ],
        hasIpv6: ipv6.length > 0,
      }
    })
  }

  #stored(name: string): Stored<NetworkRecord> {
    const stored = this.#records.get(project, name)
    if (!stored) throw notFound('Network not found')
    return stored
  }

  #managed(name: string): ManagedNetwork {
    const network = this.find(name)
    if (!network) throw notFound('Network not found')
    return network
  }

  #isUp({ name, plan }: ManagedNetwork): boolean {
    if (this.#failed.has(name) || !this.#options.links.exists(name)) return false
    return plan.dnsmasq === undefined || this.#dnsmasq(name).isRunning()
  }

  #plan(record: NetworkRecord): NetworkPlan {
    return networkType(record.type).plan(record)
  }

  #users(name: string): NetworkUser[] {
    return networkUsers(this.#options.store, name)
  }

  #directory(name: string): string {
    return join(this.#options.directory, 'networks', name)
  }

  #dnsmasq(name: string): Dnsmasq {
    const { daemons, account } = this.#options
    return new Dnsmasq({ directory: this.#directory(name), daemons, account })
  }

  #undo(): Undo {
    return new Undo((what, error) => this.#options.log.error(`Cannot ${what}`, { error: explain(error) }))
  }

  #tell(
    action: string,
    name: string,
    { requestor, context }: { readonly requestor: Requestor | undefined; readonly context?: object },
  ): void {
    const source = `/1.0/networks/${encodeURIComponent(name)}`
    this.#options.events.lifecycle({ action, source, project, requestor, ...(context ? { context } : {}) })
  }

  #show({ name, type, description, config, phase }: NetworkRecord): Network {
    return {
      name,
      type,
      description,
      config,
      managed: true,
      status: phase !== 'ready' ? 'Pending' : this.#failed.has(name) ? 'Unavailable' : 'Created',
      used_by: this.#users(name).map(userUrl),
      locations: ['none'],
    }
  }

  #showLink(link: Link): Network {
    return {
      name: link.name,
      type: linkType(link),
      description: '',
      config: {},
      managed: false,
      status: '',
      used_by: this.#users(link.name).map(userUrl),
      locations: [],
    }
  }
}

/** Programs that a killed daemon had started may still be at work when the next one starts, and get in its way. */
async function patiently(work: () => Promise<void>): Promise<void> {
  for (let attempt = 1; ; attempt++) {
    try {
      return await work()
    } catch (error) {
      if (attempt === 3) throw error
      await sleep(100)
    }
  }
}

function checkName(name: string): void {
  if (name === '') throw badRequest('No name provided')
  try {
    parseLinkName(name)
  } catch (error) {
    throw badRequest(`Invalid network name: ${(error as Error).message}`)
  }
}

function samePlan(a: NetworkPlan, b: NetworkPlan): boolean {
  return JSON.stringify(a) === JSON.stringify(b)
}

function userUrl({ kind, project, name }: NetworkUser): string {
  const query = project === 'default' ? '' : `?project=${encodeURIComponent(project)}`
  return `/1.0/${kind}s/${encodeURIComponent(name)}${query}`
}

/** LXD's word for an interface that is not ours. */
function linkType({ kind, flags, hardware }: Link): string {
  if (flags.includes('LOOPBACK')) return 'loopback'
  if (['bridge', 'bond', 'vlan'].includes(kind)) return kind
  return hardware ? 'physical' : 'unknown'
}

export type { NicLease } from './network-leases.ts'
