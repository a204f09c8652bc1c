import { parseInteger } from '#config/key.ts'

/** Numbers of users or groups of the host, both ends included. */
export interface HostIds {
  readonly first: number
  readonly last: number
}

/** The largest id there is: the kernel keeps the one above for "none". */
const maxId = 2 ** 32 - 2

/** Reads an id or a range of them, such as `1000` or `1000-1999`. */
export function parseHostIds(text: string): HostIds {
  const [first = '', last = first, ...rest] = text.split('-')
  const range = { first: parseInteger(first, 0, maxId), last: parseInteger(last, 0, maxId) }
  if (rest.length > 0 || range.last < range.first) {
    throw new Error(`Invalid range "${text}": expected an id, or two with a "-" between, the lower one first`)
  }
  return range
}

/** Whether every id of a range is in one of `allowed`. */
export function covers(allowed: readonly HostIds[], wanted: HostIds): boolean {
  let next = wanted.first
  for (const { first, last } of allowed.toSorted((a, b) => a.first - b.first)) {
    if (first > next) break
    if (last >= next) next = last + 1
  }
  return next > wanted.last
}
