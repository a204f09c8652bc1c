import { badRequest } from './failure.ts'

const second = 1000
const units: Readonly<Record<string, number>> = {
  S: second,
  M: 60 * second,
  H: 3600 * second,
  d: 86_400 * second,
  w: 7 * 86_400 * second,
  m: 30 * 86_400 * second,
  y: 365 * 86_400 * second,
}

/** The milliseconds that `text` stands for: numbers with a unit of S M H d w m y, separated by spaces, each unit once. */
export function parseDuration(text: string): number {
  const seen = new Set<string>()
  let total = 0
  for (const part of text.trim().split(/\s+/)) {
    const match = /^(\d{1,9})([SMHdwmy])$/.exec(part)
    const unit = match?.[2] ?? ''
    if (!match || seen.has(unit)) {
      throw badRequest(
        `Cannot read duration "${text}": expected numbers with a unit of S, M, H, d, w, m or y, such as "1w 2d"`,
      )
    }
    seen.add(unit)
    total += Number(match[1]) * (units[unit] ?? 0)
  }
  return total
}
