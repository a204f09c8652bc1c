import { isIPv4, isIPv6 } from 'node:net'
import { parseCidr } from '#base/address.ts'
import type { Chain, Match, Rule, Verdict } from './rules.ts'

/** The name of our tables; LXD's, which operators know. */
export const table = 'lxd'

/** The name of a chain and the level it is at. */
export type ChainName = Pick<Chain, 'family' | 'name'>

/**
 * A ruleset for nft(8) that, in one transaction, takes the chains called `old` away and puts `chains` there. Chains
 * of `old` that are not there are no failure; no other chain is touched.
 */
export function replaceChains(old: readonly ChainName[], chains: readonly Chain[]): string {
  const all = [...new Map([...old, ...chains].map((one) => [`${one.family} ${one.name}`, one])).values()]
  const families = [...new Set(all.map(({ family }) => family))]
  const lines = [
    ...families.map((family) => `add table ${family} ${table}`),
    // Adding one that is there does nothing, and makes deleting it safe where it is not.
    ...all.flatMap((one) => [`add chain ${path(one)}`, `delete chain ${path(one)}`]),
    ...chains.flatMap((chain) => [
      `add chain ${path(chain)} { type ${chain.type} hook ${chain.hook} priority ${priority(chain)}; policy accept; }`,
      ...chain.rules.map((rule) => `add rule ${path(chain)} ${ruleText(rule)}`),
    ]),
  ]
  return lines.map((line) => `${line}\n`).join('')
}

/** A ruleset that takes away our table of a family. */
export function deleteTable(family: Chain['family']): string {
  return `add table ${family} ${table}\ndelete table ${family} ${table}\n`
}

function path({ family, name }: ChainName): string {
  if (!/^[a-z][\w.-]{0,99}$/.test(name)) throw new Error(`Invalid name of an nftables chain: ${JSON.stringify(name)}`)
  return `${family} ${table} ${name}`
}

function priority({ type, hook, order }: Chain): string {
  const base = type === 'filter' ? 'filter' : hook === 'prerouting' ? 'dstnat' : hook === 'output' ? '-100' : 'srcnat'
  return order === 0 ? base : `${base} ${order < 0 ? '-' : '+'} ${Math.abs(order)}`
}

function ruleText({ match, verdict }: Rule): string {
  return [...match.map(matchText), verdictText(verdict)].join(' ')
}

function matchText(match: Match): string {
  if ('iif' in match) return `iifname ${link(match.iif)}`
  if ('oif' in match) return `oifname ${link(match.oif)}`
  if ('family' in match) return `meta nfproto ipv${match.family}`
  if ('source' in match) return `${network(match.source, 'saddr')}`
  if ('destination' in match) return `${network(match.destination, 'daddr')}`
  if ('notDestination' in match) return `${network(match.notDestination, 'daddr !=')}`
  if ('local' in match) return 'fib daddr type local'
  if ('icmp' in match) return `icmp type ${words(match.icmp)}`
  if ('icmpv6' in match) return `icmpv6 type ${words(match.icmpv6)}`
  if ('sourcePort' in match) return `${match.protocol} sport ${port(match.sourcePort)}`
  return `${match.protocol} dport ${port(match.destinationPort)}`
}

function verdictText(verdict: Verdict): string {
  switch (verdict.do) {
    case 'accept':
    case 'drop':
    case 'masquerade':
      return verdict.do
    case 'reject':
      return verdict.family === 4 ? 'reject with icmp port-unreachable' : 'reject with icmpv6 port-unreachable'
    case 'snat':
      return `snat ${isIPv4(verdict.to) ? 'ip' : 'ip6'} to ${address(verdict.to)}`
    case 'dnat':
      return isIPv4(verdict.to)
        ? `dnat ip to ${address(verdict.to)}:${port(verdict.port)}`
        : `dnat ip6 to [${address(verdict.to)}]:${port(verdict.port)}`
  }
}

/** A link's name in quotes. A `*` at its end would match many. */
function link(name: string): string {
  if (!/^[\w.-]{1,15}$/.test(name)) throw new Error(`Invalid name of a link in a rule: ${JSON.stringify(name)}`)
  return `"${name}"`
}

function network(text: string, field: string): string {
  const { address, prefix, family } = parseCidr(text)
  return `${family === 4 ? 'ip' : 'ip6'} ${field} ${address}/${prefix}`
}

function address(text: string): string {
  if (!isIPv4(text) && !isIPv6(text)) throw new Error(`Invalid address in a rule: ${JSON.stringify(text)}`)
  return text
}

function port(number: number): string {
  if (!Number.isInteger(number) || number < 1 || number > 65_535) throw new Error(`Invalid port in a rule: ${number}`)
  return String(number)
}

function words(list: readonly string[]): string {
  for (const one of list) if (!/^[a-z][a-z0-9-]*$/.test(one)) throw new Error(`Invalid word in a rule: ${one}`)
  return `{ ${list.join(', ')} }`
}
