import { randomInt } from 'node:crypto'
import { addressToNumber, contains, networkOf, numberToAddress, parseCidr } from '#base/address.ts'
import type { Cidr } from '#base/address.ts'
import { Failure } from '#base/failure.ts'
import type { FreeSubnets } from './network-type.ts'

const attempts = 1000

/** What is in use, and so not free. */
export interface TakenSubnets {
  /** Networks in CIDR form; what is no network, such as `default`, is passed over. */
  readonly taken: readonly string[]
  readonly hasIpv6: boolean
}

/**
 * Picks random private subnets that overlap none of those taken: 10.x.y.0/24 and fd42:x:y:z::/64. The host is asked
 * for what is taken only where one is picked.
 */
export function freeSubnets(
  readTaken: () => Promise<TakenSubnets>,
  random: (below: number) => number = randomInt,
): FreeSubnets {
  return {
    async pick(family) {
      const { taken, hasIpv6 } = await readTaken()
      if (family === 6 && !hasIpv6) return undefined
      const others = taken.flatMap(readNetwork)
      for (let attempt = 0; attempt < attempts; attempt++) {
        const candidate = family === 4 ? randomIpv4(random) : randomIpv6(random)
        if (others.some((other) => overlap(candidate, other))) continue
        const first = numberToAddress(addressToNumber(candidate.address) + 1n, family)
        return `${first}/${candidate.prefix}`
      }
      throw new Failure('conflict', `Cannot find a free IPv${family} subnet: set "ipv${family}.address"`)
    },
  }
}

/** Whether two networks have an address in common. */
export function overlap(a: Cidr, b: Cidr): boolean {
  return contains(a, networkOf(b).address) || contains(b, networkOf(a).address)
}

function readNetwork(text: string): Cidr[] {
  try {
    const cidr = parseCidr(text.includes('/') ? text : `${text}/${text.includes(':') ? 128 : 32}`)
    // A default route takes nothing in particular.
    return cidr.prefix === 0 ? [] : [cidr]
  } catch {
    return []
  }
}

function randomIpv4(random: (below: number) => number): Cidr {
  return { address: `10.${random(255) + 1}.${random(256)}.0`, prefix: 24, family: 4 }
}

function randomIpv6(random: (below: number) => number): Cidr {
  const group = () => BigInt(random(0x10000))
  const number = (0xfd42n << 112n) | (group() << 96n) | (group() << 80n) | (group() << 64n)
  return { address: numberToAddress(number, 6), prefix: 64, family: 6 }
}
