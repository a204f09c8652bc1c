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
