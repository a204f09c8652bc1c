/** Orders rows by their first cell, then their second and so on, numbers by value and empty cells last. */
export function compareRows(a: readonly string[], b: readonly string[]): number {
  for (let column = 0; column < a.length; column++) {
    const order = compareCells(a[column]!, b[column]!)
    if (order !== 0) return order
  }
  return 0
}

function compareCells(a: string, b: string): number {
  if (a === b) return 0
  if (a === '' || b === '') return a === '' ? 1 : -1

  const as = a.match(/\d+|\D+/g)!
  const bs = b.match(/\d+|\D+/g)!
  for (let i = 0; i < as.length && i < bs.length; i++) {
    if (as[i] === bs[i]) continue
    const both = isNumber(as[i]!) && isNumber(bs[i]!)
    if (both && Number(as[i]) !== Number(bs[i])) return Number(as[i]) - Number(bs[i])
    if (both) return as[i]!.length - bs[i]!.length
    return as[i]! < bs[i]! ? -1 : 1
  }
  return as.length - bs.length
}

function isNumber(chunk: string): boolean {
  return chunk[0]! >= '0' && chunk[0]! <= '9'
}
