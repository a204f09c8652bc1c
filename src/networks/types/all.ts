import { badRequest } from '#base/failure.ts'
import type { NetworkType } from '../network-type.ts'
import { bridge } from './bridge.ts'

/** Every type of managed network. */
export const networkTypes: readonly NetworkType[] = [bridge]

/** The type of this name; the empty name stands for `bridge`. */
export function networkType(name: string): NetworkType {
  const found = networkTypes.find(({ type }) => type === (name || 'bridge'))
  if (!found) {
    const known = networkTypes.map(({ type }) => type).join(', ')
    throw badRequest(`Unknown network type "${name}": expected one of ${known}`)
  }
  return found
}
