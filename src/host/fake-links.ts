import type { Link, LinkChange, Links, LinkSettings, Route } from './links.ts'

/** {@link Links} in memory, for tests. */
export class FakeLinks implements Links {
  readonly links = new Map<string, Link>()
  readonly isolated = new Set<string>()
  routes: Route[] = []
  /** Every change asked for, in order. */
  readonly changes: LinkChange[] = []
  /** Thrown by the next change to the link of this name. */
  readonly failures = new Map<string, Error>()

  /** Links that no change can be made to. */
  readonly broken = new Set<string>()

  constructor() {
    this.add('lo', {
      flags: ['LOOPBACK', 'UP'],
      addresses: [{ family: 4, address: '127.0.0.1', prefix: 8, scope: 'host' }],
    })
  }

  /** Puts a link there as if someone else had made it. */
  add(name: string, link: Partial<Link> = {}): void {
    this.links.set(name, {
      name,
      kind: '',
      hardware: false,
      flags: ['BROADCAST'],
      hwaddr: '02:00:00:00:00:00',
      mtu: 1500,
      master: undefined,
      lower: undefined,
      addresses: [],
      counters: { bytesReceived: 0, bytesSent: 0, packetsReceived: 0, packetsSent: 0 },
      details: {},
      ...link,
    })
  }

  exists(name: string): boolean {
    return this.links.has(name)
  }

  read(name: string): Promise<Link | undefined> {
    return Promise.resolve(this.links.get(name))
  }

  readAll(): Promise<Link[]> {
    return Promise.resolve([...this.links.values()])
  }

  readRoutes(): Promise<Route[]> {
    return Promise.resolve(this.routes)
  }

  async change(changes: readonly LinkChange[]): Promise<void> {
    await Promise.resolve()
    for (const change of changes) {
      const failure = this.failures.get(change.name)
      this.failures.delete(change.name)
      if (failure) throw failure
      if (this.broken.has(change.name)) throw new Error(`Cannot change "${change.name}"`)
      this.changes.push(change)
      this.#apply(change)
    }
  }

  #apply(change: LinkChange): void {
    const { name } = change
    switch (change.do) {
      case 'add-bridge':
      case 'add-veth': {
        if (this.links.has(name)) throw new Error('File exists')
        this.add(name, { kind: change.do.slice(4) })
        if (change.do === 'add-veth' && change.peer.pid === undefined) this.add(change.peer.name, { kind: 'veth' })
        return
      }
      case 'delete':
        this.#get(name)
        this.links.delete(name)
        this.routes = this.routes.filter(({ link }) => link !== name)
        return
      case 'set':
        this.#set(name, change.to)
        return
      case 'add-address':
      case 'delete-address': {
        const [address = '', prefix] = change.address.split('/')
        const others = this.#get(name).addresses.filter((one) => one.address !== address)
        const one = { family: address.includes(':') ? 6 : 4, address, prefix: Number(prefix), scope: 'global' } as const
        this.#put(name, { addresses: change.do === 'add-address' ? [...others, one] : others })
        return
      }
      case 'add-route':
      case 'delete-route': {
        const { destination, protocol } = change
        this.routes = this.routes.filter((route) => route.destination !== destination || route.link !== name)
        if (change.do === 'add-route') this.routes.push({ destination, protocol, link: name })
      }
    }
  }

  #set(name: string, { up, mtu, hwaddr, master, isolated }: LinkSettings): void {
    const flags = this.#get(name).flags.filter((flag) => flag !== 'UP')
    if (isolated === true) this.isolated.add(name)
    this.#put(name, {
      ...(up === undefined ? {} : { flags: up ? [...flags, 'UP'] : flags }),
      ...(mtu === undefined ? {} : { mtu }),
      ...(hwaddr === undefined ? {} : { hwaddr }),
      ...(master === undefined ? {} : { master: master || undefined }),
    })
  }

  #get(name: string): Link {
    const link = this.links.get(name)
    if (!link) throw new Error(`Cannot find device "${name}"`)
    return link
  }

  #put(name: string, part: Partial<Link>): void {
    this.links.set(name, { ...this.#get(name), ...part })
  }
}
