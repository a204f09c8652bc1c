import { badRequest } from '#base/failure.ts'
import type { IdMap, IdRange } from '#base/idmap.ts'
import type { RawIdMapLine } from '#projects/policy/raw-idmap.ts'

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

/** Which ids of the host root may map. */
export interface HostIdSpans {
  /** What maps are made from: the largest of them. */
  readonly pool: IdSpans
  readonly all: { readonly uid: readonly Span[]; readonly gid: readonly Span[] }
}

/** What LXD takes where /etc/subuid says nothing of root. */
const fallback: Span = { base: 1_000_000, count: 1_000_000_000 }
/** The ids a system container needs at least: those of 16 bits. */
export const minimum = 65_536

/** Root's ranges in the text of /etc/subuid or /etc/subgid (subuid(5)), LXD's own range where there is none; the largest first. */
export function rootSpans(text: string | undefined): readonly [Span, ...Span[]] {
  const spans = (text ?? '').split('\n').flatMap((line): Span[] => {
    const [user, base, count] = line.trim().split(':')
    const span = { base: Number(base), count: Number(count) }
    const valid = Number.isSafeInteger(span.base) && Number.isSafeInteger(span.count) && span.base > 0 && span.count > 0
    return (user === 'root' || user === '0') && valid ? [span] : []
  })
  const [largest = fallback, ...rest] = spans.toSorted((a, b) => b.count - a.count)
  return [largest, ...rest]
}

/** What the texts of /etc/subuid and /etc/subgid give root. */
export function hostIdSpans(texts: {
  readonly uid: string | undefined
  readonly gid: string | undefined
}): HostIdSpans {
  const all = { uid: rootSpans(texts.uid), gid: rootSpans(texts.gid) }
  return { pool: { uid: all.uid[0], gid: all.gid[0] }, all }
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
  return [
    { kind: 'uid', inside: 0, host: uid.base + offset, count },
    { kind: 'gid', inside: 0, host: gid.base + offset, count },
  ]
}

/** The kernel takes 340 ranges in a map (user_namespaces(7)). */
const maxRanges = 340

/**
 * Puts the lines of `raw.idmap` in the place of what a map says of the same ids inside. `foreign` are ranges that other
 * containers were given. Throws a bad-request Failure for ids of the host that root may not map, and for those that
 * are kept for containers: no line can bring one container into another's range.
 */
export function withRawLines(
  map: IdMap,
  lines: readonly RawIdMapLine[],
  { pool, all, foreign }: HostIdSpans & { readonly foreign: readonly IdRange[] },
): IdMap {
  let mapped = [...map]
  for (const { kind, host, inside } of lines) {
    const range: IdRange = { kind, inside: inside.first, host: host.first, count: host.last - host.first + 1 }
    for (const one of kind === 'both' ? (['uid', 'gid'] as const) : [kind]) checkHostIds(range, one, { pool, all })
    if (foreign.some((other) => overlap(range, other))) {
      throw badRequest(`Invalid "raw.idmap": another container was given ids ${host.first}-${host.last} of the host`)
    }
    mapped = [...mapped.flatMap((one) => cutOut(one, range)), range]
  }
  for (const kind of ['uid', 'gid'] as const) {
    const count = mapped.filter((range) => range.kind === kind || range.kind === 'both').length
    if (count > maxRanges) {
      throw badRequest(
        `Invalid "raw.idmap": the ${kind} map has ${count} ranges with it, the kernel takes ${maxRanges}`,
      )
    }
  }
  return mapped.toSorted((a, b) => a.inside - b.inside)
}

function checkHostIds({ host, count }: IdRange, kind: 'uid' | 'gid', { pool, all }: HostIdSpans): void {
  const last = host + count - 1
  const within = (span: Span) => host >= span.base && last < span.base + span.count
  if (!all[kind].some(within)) {
    throw badRequest(
      `Invalid "raw.idmap": root may not map ${kind} ${host}-${last} of the host; a line "root:${host}:${count}" in /etc/sub${kind} lets it`,
    )
  }
  const { base, count: size } = pool[kind]
  if (host < base + size && base <= last) {
    throw badRequest(
      `Invalid "raw.idmap": ${kind} ${host}-${last} of the host is among the ids that are given to containers, ${base}-${base + size - 1}`,
    )
  }
}

/** What is left of a range without the ids inside that another one maps. */
function cutOut(range: IdRange, { kind, inside, count }: IdRange): IdRange[] {
  if (kind !== 'both' && range.kind !== kind) return [range]
  const end = range.inside + range.count
  const before = Math.min(end, inside) - range.inside
  const from = Math.max(range.inside, inside + count)
  return [
    ...(before > 0 ? [{ ...range, count: before }] : []),
    ...(from < end ? [{ ...range, inside: from, host: range.host + (from - range.inside), count: end - from }] : []),
  ]
}

/** Throws a bad-request Failure where two lines of `raw.idmap` map one id, of the host or inside, in two ways. */
export function checkRawLines(lines: readonly RawIdMapLine[]): void {
  const meet = (a: RawIdMapLine['host'], b: RawIdMapLine['host']) => a.first <= b.last && b.first <= a.last
  for (const [at, a] of lines.entries()) {
    for (const b of lines.slice(at + 1)) {
      if (a.kind !== b.kind && a.kind !== 'both' && b.kind !== 'both') continue
      if (!meet(a.host, b.host) && !meet(a.inside, b.inside)) continue
      throw badRequest(
        `Invalid "raw.idmap": two lines map ids twice, of the host ${a.host.first}-${a.host.last} and ${b.host.first}-${b.host.last}, inside ${a.inside.first}-${a.inside.last} and ${b.inside.first}-${b.inside.last}`,
      )
    }
  }
}

/** The ranges of a map that the daemon has given, without those that lines of `raw.idmap` name. */
export function givenRanges(map: IdMap, lines: readonly RawIdMapLine[]): IdRange[] {
  const named = (range: IdRange) =>
    lines.some(
      ({ kind, host, inside }) =>
        (kind === range.kind || kind === 'both') && host.first === range.host && inside.first === range.inside,
    )
  return map.filter((range) => !named(range))
}

/**
 * A map as LXD keeps it in `volatile.idmap.current` and its like: first what users are, then groups. A line of
 * `raw.idmap` that is for both is there twice.
 */
export function formatIdMap(map: IdMap): string {
  const listOf = (kind: 'uid' | 'gid') =>
    map
      .filter((range) => range.kind === kind || range.kind === 'both')
      .toSorted((a, b) => a.inside - b.inside)
      .map((range) => ({
        Isuid: range.kind !== 'gid',
        Isgid: range.kind !== 'uid',
        Hostid: range.host,
        Nsid: range.inside,
        Maprange: range.count,
      }))
  return JSON.stringify([...listOf('uid'), ...listOf('gid')])
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
    const valid = ranges.every(({ inside, host, count }) => [inside, host, count].every(Number.isSafeInteger))
    const isAgain = ({ kind, inside }: IdRange, at: number) =>
      kind === 'both' && ranges.slice(0, at).some((other) => other.kind === 'both' && other.inside === inside)
    return valid ? ranges.filter((range, at) => !isAgain(range, at)) : []
  } catch {
    return []
  }
}
