import { run as runProgram } from './run.ts'
import type { Run } from './run.ts'

/** A table of nftables. */
export interface NftTable {
  readonly family: 'inet' | 'bridge' | 'netdev' | 'ip' | 'ip6'
  readonly name: string
}

/** The kernel's packet filter, by nft(8). */
export interface Nft {
  /** Applies a ruleset as one transaction: all of it or nothing. The text is made by `firewall/nftables.ts`. */
  apply(ruleset: string): Promise<void>
  /** The names of the chains in a table; none where there is no such table. */
  readChains(table: NftTable): Promise<string[]>
}

/** nftables of the network namespace this process is in. */
export function hostNft(run: Run = runProgram): Nft {
  return {
    async apply(ruleset) {
      if (ruleset !== '') await run('nft', ['--file', '-'], { input: ruleset })
    },
    async readChains({ family, name }) {
      const { stdout } = await run('nft', ['--json', 'list', 'chains', family])
      const { nftables } = JSON.parse(stdout) as { nftables: { chain?: { table: string; name: string } }[] }
      return nftables.flatMap(({ chain }) => (chain?.table === name ? [chain.name] : []))
    },
  }
}

/** {@link Nft} that remembers what it was given, for tests. */
export class FakeNft implements Nft {
  readonly applied: string[] = []
  chains: string[] = []
  failure: Error | undefined

  apply(ruleset: string): Promise<void> {
    if (this.failure) return Promise.reject(this.failure)
    this.applied.push(ruleset)
    return Promise.resolve()
  }

  readChains(): Promise<string[]> {
    return Promise.resolve(this.chains)
  }
}
