import { badRequest } from '#base/failure.ts'
import { covers, parseHostIds } from '../id-ranges.ts'
import type { HostIds } from '../id-ranges.ts'

/** A line of `raw.idmap`: ids of the host, and what they are inside. */
export interface RawIdMapLine {
  readonly kind: 'uid' | 'gid' | 'both'
  readonly host: HostIds
  readonly inside: HostIds
}

/** The kernel takes 340 ranges in a map (user_namespaces(7)). */
const maxLines = 340

/** Reads `raw.idmap`: lines such as `both 1000 1000` or `uid 50-60 500-510`, the host's ids first. */
export function parseRawIdMap(text: string): RawIdMapLine[] {
  const lines = text.split('\n').filter((line) => line.trim() !== '')
  if (lines.length > maxLines) throw badRequest(`Invalid raw idmap: more than ${maxLines} lines`)
  return lines.map((line) => {
    const [kind, host = '', inside = '', ...rest] = line.trim().split(/\s+/)
    if ((kind !== 'uid' && kind !== 'gid' && kind !== 'both') || rest.length > 0) {
      throw badRequest(`Invalid raw idmap line "${line}": expected uid, gid or both, ids of the host, ids inside`)
    }
    const map = { kind, host: parseHostIds(host), inside: parseHostIds(inside) } as const
    if (map.host.last - map.host.first !== map.inside.last - map.inside.first) {
      throw badRequest(`Invalid raw idmap line "${line}": expected as many ids of the host as inside`)
    }
    return map
  })
}

/** The number of the first line that maps ids of the host that are not allowed, or -1. */
export function findForbiddenLine(
  lines: readonly RawIdMapLine[],
  allowed: { readonly uid: readonly HostIds[]; readonly gid: readonly HostIds[] },
): number {
  return lines.findIndex(
    ({ kind, host }) =>
      (kind !== 'gid' && !covers(allowed.uid, host)) || (kind !== 'uid' && !covers(allowed.gid, host)),
  )
}
