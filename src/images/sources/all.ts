import { badRequest } from '#base/failure.ts'
import { directSource } from './direct.ts'
import { lxdSource } from './lxd.ts'
import type { ImageSource } from './source.ts'

/** Every kind of server that images can be fetched from. */
export const imageSources: readonly ImageSource[] = [lxdSource, directSource]

/** The kind that the API calls `protocol`; empty stands for `lxd`. */
export function findSource(protocol: string): ImageSource {
  const found = imageSources.find((source) => source.protocol === (protocol || 'lxd'))
  if (found) return found
  const known = imageSources.map((source) => source.protocol).join(', ')
  throw badRequest(`Invalid "source.protocol" "${protocol.slice(0, 100)}": expected ${known}`)
}
