/** Compact JSON as LXD's clients print it: maps by sorted keys, and no character that HTML would read. */
export function writeJson(value: unknown): string {
  return JSON.stringify(value, (_, item: unknown) => (item instanceof Map ? sorted(item) : item)).replaceAll(
    /[<>&\u2028\u2029]/g,
    (letter) => `\\u${letter.charCodeAt(0).toString(16).padStart(4, '0')}`,
  )
}

function sorted(map: ReadonlyMap<string, unknown>): Record<string, unknown> {
  const object: Record<string, unknown> = {}
  const pairs = [...map].sort(([a], [b]) => Buffer.compare(Buffer.from(a), Buffer.from(b)))
  for (const [key, item] of pairs) object[key] = item
  return object
}
