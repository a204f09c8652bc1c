import { badRequest } from './failure.ts'

const units: Readonly<Record<string, number>> = {
  '': 1,
  b: 1,
  kb: 1e3,
  mb: 1e6,
  gb: 1e9,
  tb: 1e12,
  pb: 1e15,
  eb: 1e18,
  kib: 2 ** 10,
  mib: 2 ** 20,
  gib: 2 ** 30,
  tib: 2 ** 40,
  pib: 2 ** 50,
  eib: 2 ** 60,
  // LXD reads a bare "k" as 1000.
  k: 1e3,
}

/** How many bytes `text` stands for: `10GiB` is 10 · 2³⁰, `10GB` is 10 · 10⁹, `10` is 10. */
export function parseSize(text: string): number {
  const match = /^(\d{1,15})\s?([a-z]*)$/i.exec(text)
  const unit = units[match?.[2]?.toLowerCase() ?? 'none']
  if (!match || unit === undefined) {
    throw badRequest(`Cannot read size "${text}": expected a number and a unit, such as "10GiB"`)
  }
  return Number(match[1]) * unit
}
