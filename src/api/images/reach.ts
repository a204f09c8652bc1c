import type { Reach } from '#images/address-policy.ts'
import type { Request } from '../route.ts'

/** Which servers a client may have this one connect to. */
export function reachOf(may: Request['may']): Reach {
  return may('admin') ? 'any' : 'global'
}
