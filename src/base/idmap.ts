/** One range of a user namespace's map: `count` ids from `inside` on are `host` and following outside. */
export interface IdRange {
  readonly kind: 'uid' | 'gid' | 'both'
  readonly inside: number
  readonly host: number
  readonly count: number
}

/** The map of a container's user namespace; empty for a privileged container, which has none. */
export type IdMap = readonly IdRange[]

/** The host's id of the id 0 inside, or 0 where there is no map. */
export function hostRoot(map: IdMap, kind: 'uid' | 'gid'): number {
  const range = map.find((one) => (one.kind === kind || one.kind === 'both') && one.inside === 0)
  return range?.host ?? 0
}

/** The host's id of an id inside; the id itself where there is no map, undefined where the map has no place for it. */
export function hostId(map: IdMap, kind: 'uid' | 'gid', id: number): number | undefined {
  if (map.length === 0) return id
  const range = map.find(
    (one) => (one.kind === kind || one.kind === 'both') && id >= one.inside && id < one.inside + one.count,
  )
  return range && range.host + (id - range.inside)
}

/** Reads a map as `/proc/PID/uid_map` and `gid_map` have it, see user_namespaces(7). */
export function parseIdMap(kind: 'uid' | 'gid', text: string): IdRange[] {
  return text
    .split('\n')
    .map((line) => line.trim().split(/\s+/).map(Number))
    .filter((numbers) => numbers.length === 3)
    .map(([inside = 0, host = 0, count = 0]) => ({ kind, inside, host, count }))
}
