/**
 * What the packet filter is to do, without saying in whose language: the drivers (`nftables.ts`) write it down.
 *
 * All values are data. A driver refuses what its format can not carry.
 */

/** A property of a packet, and what it must be. */
export type Match =
  | { readonly iif: string }
  | { readonly oif: string }
  | { readonly family: 4 | 6 }
  /** A network in CIDR form. */
  | { readonly source: string }
  | { readonly destination: string }
  | { readonly notDestination: string }
  | { readonly protocol: 'tcp' | 'udp'; readonly sourcePort: number }
  | { readonly protocol: 'tcp' | 'udp'; readonly destinationPort: number }
  /** The destination is an address of the host itself. */
  | { readonly local: true }
  | { readonly icmp: readonly string[] }
  | { readonly icmpv6: readonly string[] }

/** What happens to a packet that matches. */
export type Verdict =
  | { readonly do: 'accept' }
  | { readonly do: 'drop' }
  | { readonly do: 'reject'; readonly family: 4 | 6 }
  | { readonly do: 'masquerade' }
  /** Source NAT to this address. */
  | { readonly do: 'snat'; readonly to: string }
  /** Destination NAT to this address and port. */
  | { readonly do: 'dnat'; readonly to: string; readonly port: number }

export interface Rule {
  readonly match: readonly Match[]
  readonly verdict: Verdict
}

/**
 * Rules that are looked at together, at one place in a packet's way. `family` says at which level: `inet` sees what
 * the host routes or receives, `bridge` what passes from port to port.
 */
export interface Chain {
  readonly family: 'inet' | 'bridge'
  readonly name: string
  readonly type: 'filter' | 'nat'
  readonly hook: 'input' | 'output' | 'forward' | 'prerouting' | 'postrouting'
  /** Relative to the hook's usual place for its type: below zero is earlier. */
  readonly order: number
  readonly rules: readonly Rule[]
}
