import { createHash } from 'node:crypto'
import type { ChainName } from './nftables.ts'
import type { Chain, Match, Rule } from './rules.ts'

/** A proxy that the packet filter carries out by rewriting destinations. */
export interface ProxyRules {
  readonly family: 4 | 6
  readonly protocol: 'tcp' | 'udp'
  /** The address that is listened on, or undefined for all of the host. */
  readonly listen: string | undefined
  /** The instance's. */
  readonly connect: string
  readonly ports: readonly (readonly [from: number, to: number])[]
}

/** The names of the chains of a proxy; the two names may have any characters, and a chain's only a few. */
export function proxyChains(instance: string, device: string): (ChainName & { readonly family: 'inet' })[] {
  const name = createHash('sha256').update(`${instance}\0${device}`).digest('hex').slice(0, 24)
  return ['prert', 'out', 'pstrt'].map((kind) => ({ family: 'inet', name: `${kind}.proxy-${name}` }))
}

/** Whether a chain is one of a proxy. */
export function isProxyChain(name: string): boolean {
  return /^(prert|out|pstrt)\.proxy-[0-9a-f]{24}$/.test(name)
}

/**
 * What comes to the host for the proxy's ports goes to the instance: from elsewhere, from the host itself, and from
 * the instance, which must see the host for a sender or it would answer to itself.
 */
export function proxyRules(instance: string, device: string, proxy: ProxyRules): Chain[] {
  const { family, protocol, listen, connect, ports } = proxy
  const [before, own, after] = proxyChains(instance, device)
  if (!before || !own || !after) throw new Error('A proxy has three chains')
  const one = (address: string) => `${address}/${family === 4 ? 32 : 128}`
  // Never what only passes through.
  const at: Match[] = [
    { family },
    ...(listen === undefined ? [] : [{ destination: one(listen) }]),
    { local: true as const },
  ]
  const forward = ports.map(([from, to]): Rule => ({
    match: [...at, { protocol, destinationPort: from }],
    verdict: { do: 'dnat', to: connect, port: to },
  }))
  const targets = [...new Set(ports.map(([, to]) => to))]
  const back = targets.map((port): Rule => ({
    match: [{ source: one(connect) }, { destination: one(connect) }, { protocol, destinationPort: port }],
    verdict: { do: 'masquerade' },
  }))
  return [
    { ...before, type: 'nat', hook: 'prerouting', order: 0, rules: forward },
    { ...own, type: 'nat', hook: 'output', order: 0, rules: forward },
    { ...after, type: 'nat', hook: 'postrouting', order: 0, rules: back },
  ]
}
