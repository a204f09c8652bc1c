import type { Chain, Match, Rule, Verdict } from './rules.ts'

/** What a managed bridge asks of the packet filter, for one address family. */
export interface FamilyRules {
  readonly family: 4 | 6
  /** The network's subnet. */
  readonly subnet: string
  /** Whether DHCP, router advertisements and forwarding get rules at all (`ipvX.firewall`). */
  readonly filter: boolean
  readonly dhcp: boolean
  /** Whether packets may pass between the network and others. */
  readonly routing: boolean
  readonly nat: NatRule | undefined
}

export interface NatRule {
  /** The address packets leave with; that of the outgoing link where undefined. */
  readonly address: string | undefined
  /** Whether other programs' NAT rules are looked at first or after. */
  readonly order: 'before' | 'after'
}

export interface NetworkRules {
  /** The bridge. */
  readonly link: string
  readonly dns: boolean
  readonly families: readonly FamilyRules[]
}

/** The names of all chains a network can have, whichever it has at the moment. */
export function networkChains(link: string): { readonly family: 'inet'; readonly name: string }[] {
  return ['pstrt', 'pstrt-late', 'fwd', 'in', 'out'].map((kind) => ({ family: 'inet', name: `${kind}.${link}` }))
}

/** The chains of a network; those that would be empty are left out. */
export function networkRules(network: NetworkRules): Chain[] {
  const chain = (
    kind: string,
    hook: Chain['hook'],
    rules: readonly Rule[],
    { type = 'filter', order = 0 }: { type?: Chain['type']; order?: number } = {},
  ): Chain => ({ family: 'inet', name: `${kind}.${network.link}`, type, hook, order, rules })

  return [
    chain('pstrt', 'postrouting', nat(network, 'before'), { type: 'nat', order: -1 }),
    chain('pstrt-late', 'postrouting', nat(network, 'after'), { type: 'nat', order: 1 }),
    chain('fwd', 'forward', forward(network)),
    chain('in', 'input', toHost(network)),
    chain('out', 'output', fromHost(network)),
  ].filter(({ rules }) => rules.length > 0)
}

function nat({ families }: NetworkRules, order: NatRule['order']): Rule[] {
  return families.flatMap(({ subnet, nat }) => {
    if (nat?.order !== order) return []
    const verdict: Verdict = nat.address === undefined ? { do: 'masquerade' } : { do: 'snat', to: nat.address }
    return [{ match: [{ source: subnet }, { notDestination: subnet }], verdict }]
  })
}

function forward({ link, families }: NetworkRules): Rule[] {
  return families
    .filter(({ filter }) => filter)
    .flatMap(({ family, routing }) => {
      const verdict: Verdict = routing ? { do: 'accept' } : { do: 'reject', family }
      return [
        { match: [{ family }, { oif: link }], verdict },
        { match: [{ family }, { iif: link }], verdict },
      ]
    })
}

const errors4 = ['destination-unreachable', 'time-exceeded', 'parameter-problem']
const errors6 = ['destination-unreachable', 'packet-too-big', 'time-exceeded', 'parameter-problem']
const neighbours = ['nd-neighbor-solicit', 'nd-neighbor-advert', 'mld2-listener-report']

function toHost({ link, dns, families }: NetworkRules): Rule[] {
  const accept = (...match: Match[]): Rule => ({ match: [{ iif: link }, ...match], verdict: { do: 'accept' } })
  return [
    ...(dns
      ? [accept({ protocol: 'tcp', destinationPort: 53 }), accept({ protocol: 'udp', destinationPort: 53 })]
      : []),
    ...services(families).flatMap(({ family, dhcp }) =>
      family === 4
        ? [accept({ icmp: errors4 }), ...(dhcp ? [accept({ protocol: 'udp', destinationPort: 67 })] : [])]
        : [
            accept({ icmpv6: [...errors6, 'nd-router-solicit', ...neighbours] }),
            ...(dhcp ? [accept({ protocol: 'udp', destinationPort: 547 })] : []),
          ],
    ),
  ]
}

function fromHost({ link, dns, families }: NetworkRules): Rule[] {
  const accept = (...match: Match[]): Rule => ({ match: [{ oif: link }, ...match], verdict: { do: 'accept' } })
  return [
    ...(dns ? [accept({ protocol: 'tcp', sourcePort: 53 }), accept({ protocol: 'udp', sourcePort: 53 })] : []),
    ...services(families).flatMap(({ family, dhcp }) =>
      family === 4
        ? [accept({ icmp: errors4 }), ...(dhcp ? [accept({ protocol: 'udp', sourcePort: 67 })] : [])]
        : [
            accept({ icmpv6: [...errors6, 'echo-request', 'nd-router-advert', ...neighbours] }),
            ...(dhcp ? [accept({ protocol: 'udp', sourcePort: 547 })] : []),
          ],
    ),
  ]
}

function services(families: readonly FamilyRules[]): FamilyRules[] {
  return families.filter(({ filter }) => filter)
}
