import type { Config } from '#config/config.ts'
import type { Keys } from '#config/key.ts'
import type { Chain } from '#firewall/rules.ts'
import type { SysctlPath } from '#host/sysctls.ts'
import type { DnsmasqSettings } from './dnsmasq-config.ts'

/** What a network type is given of a network: never its record, so that it can plan what is not written yet. */
export interface NetworkFacts {
  readonly name: string
  readonly config: Config
  /** The address of its link where the configuration sets none. */
  readonly hwaddr: string
}

/** Finds free subnets. Throws where there is none. */
export interface FreeSubnets {
  /** A free network, as the address of its first host, such as `10.1.2.1/24`; undefined where the host lacks IPv6. */
  pick(family: 4 | 6): Promise<string | undefined>
}

/** All that a network needs on the host. Making it so is the same for every type. */
export interface NetworkPlan {
  readonly link: {
    readonly name: string
    readonly hwaddr: string
    readonly mtu: number
    readonly addresses: readonly string[]
    /** Networks behind this one. */
    readonly routes: readonly string[]
    /** Interfaces of the host that are made ports of it. */
    readonly ports: readonly string[]
  }
  readonly sysctls: readonly { readonly path: SysctlPath; readonly value: string }[]
  /** The families that the host is to route packets of. */
  readonly forwarding: readonly (4 | 6)[]
  readonly chains: readonly Chain[]
  /** None where there is no address to serve on. */
  readonly dnsmasq: DnsmasqSettings | undefined
}

/** A kind of network: what a user may write, and what it takes on the host. */
export interface NetworkType {
  readonly type: string
  readonly doc: string
  readonly keys: Keys
  /** At creation: fills in what was left to us. */
  complete(config: Config, free: FreeSubnets): Promise<Config>
  /** Replaces `auto` by a value that stays. */
  resolve(config: Config, free: FreeSubnets): Promise<Config>
  /** Throws a bad-request Failure for what the keys' own types can not tell. */
  check(network: NetworkFacts): void
  /** The networks it takes, for others to keep clear of. */
  subnets(config: Config): readonly string[]
  plan(network: NetworkFacts): NetworkPlan
}
