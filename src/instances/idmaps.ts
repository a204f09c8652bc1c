import { badRequest } from '#base/failure.ts'
import type { IdMap, IdRange } from '#base/idmap.ts'

/** A run of ids of the host. */
export interface Span {
  readonly base: number
  readonly count: number
}

/** The ids of the host that containers may have. */
export interface IdSpans {
  readonly uid: Span
  readonly gid: Span
}

/** What LXD takes where /etc/subuid says nothing of root. */
const fallback: Span = { base: 1_000_000, count: 1_000_000_000 }
/** The ids a system container needs at least: those of 16 bits. */
export const minimum = 65_536

/** Root's largest range in the text of /etc/subuid or /etc/subgid (subuid(5)), LXD's own range where there is none. */
export function rootSpan(text: string | undefined): Span {
  const spans = (text ?? '').split('\n').flatMap((line): Span[] => {
    const [user, base, count] = line.trim().split(':')
    const span = { base: Number(base), count: Number(count) }
    const valid = Number.isSafeInteger(span.base) && Number.isSafeInteger(span.count) && span.base > 0 && span.count > 0
    return (user === 'root' || user === '0') && valid ? [span] : []
  })
  return spans.toSorted((a, b) => b.count - a.count)[0] ?? fallback
}

/**
 * The part of the ids that all containers without a range of their own share: the first half, in whole multiples of
 * 65536 and at least one. The rest is for isolated ones, so that the two can never meet.
 */
export function sharedCount({ uid, gid }: IdSpans): number {
  const count = Math.min(uid.count, gid.count)
  if (count < minimum)
    throw badRequest(
      `Cannot run unprivileged containers: root has ${count} ids in /etc/subuid or /etc/subgid, ${minimum} are needed`,
    )
  return Math.max(minimum, Math.floor(count / 2 / minimum) * minimum)
}

/** The map of containers that share theirs. */
export function sharedMap(spans: IdSpans): IdMap {
  return mapAt(spans, 0, sharedCount(spans))
}

/**
 * The map of an isolated container of `size` ids: where `wanted` says (a uid of the host), or in the first gap.
 * `taken` are the maps of all other containers. Throws a bad-request Failure where there is no room.
 */
export function isolatedMap(
  spans: IdSpans,
  {
    size,
    wanted,
    taken,
  }: { readonly size: number; readonly wanted: number | undefined; readonly taken: readonly IdMap[] },
): IdMap {
  const first = sharedCount(spans)
  const end = Math.min(spans.uid.count, spans.gid.count)
  const others = taken.flat()
  const free = (offset: number) => {
    const map = mapAt(spans, offset, size)
    return (
      offset >= first && offset + size <= end && !others.some((other) => map.some((range) => overlap(range, other)))
    )
  }
  if (wanted !== undefined) {
    const offset = wanted - spans.uid.base
    if (free(offset)) return mapAt(spans, offset, size)
    const [low, high] = [spans.uid.base + first, spans.uid.base + end - size]
    throw badRequest(
      `Invalid "security.idmap.base" ${wanted}: expected ${size} ids that no other container has, from ${low} to ${high}`,
    )
  }
  // A gap starts at the first id, or right behind a range that is taken.
  const behind = others.flatMap(({ host, count }) => [host + count - spans.uid.base, host + count - spans.gid.base])
  const offset = [first, ...behind].toSorted((a, b) => a - b).find(free)
  if (offset === undefined) throw badRequest(`Cannot isolate the container: no ${size} ids in a row are left for it`)
  return mapAt(spans, offset, size)
}

/** Whether an id of the host is in both ranges. */
export function overlap(a: IdRange, b: IdRange): boolean {
  const sameKind = a.kind === 'both' || b.kind === 'both' || a.kind === b.kind
  return sameKind && a.host < b.host + b.count && b.host < a.host + a.count
}

function mapAt({ uid, gid }: IdSpans, offset: number, count: number): IdMap {
  if (uid.base === gid.base) return [{ kind: 'both', inside: 0, host: uid.base + offset, count }]
  return [
    { kind: 'uid', inside: 0, host: uid.base + offset, count },
    { kind: 'gid', inside: 0, host: gid.base + offset, count },
  ]
}

/** A map as LXD keeps it in `volatile.idmap.current` and its like. */
export function formatIdMap(map: IdMap): string {
  const entry = (isUid: boolean, { host, inside, count }: IdRange) => ({
    Isuid: isUid,
    Isgid: !isUid,
    Hostid: host,
    Nsid: inside,
    Maprange: count,
  })
  return JSON.stringify([
    ...map.filter(({ kind }) => kind !== 'gid').map((range) => entry(true, range)),
    ...map.filter(({ kind }) => kind !== 'uid').map((range) => entry(false, range)),
  ])
}

/** Reads what {@link formatIdMap} wrote; anything else is no map. */
export function readIdMap(text: string | undefined): IdMap {
  if (!text) return []
  try {
    const entries = JSON.parse(text) as readonly Record<string, unknown>[]
    const ranges = entries.map((entry): IdRange => ({
      kind: entry['Isuid'] === true ? (entry['Isgid'] === true ? 'both' : 'uid') : 'gid',
      inside: Number(entry['Nsid']),
      host: Number(entry['Hostid']),
      count: Number(entry['Maprange']),
    }))
    return ranges.every(({ inside, host, count }) => [inside, host, count].every(Number.isSafeInteger)) ? ranges : []
  } catch {
    return []
  }
}
