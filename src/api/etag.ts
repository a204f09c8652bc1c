import { createHash } from 'node:crypto'
import { preconditionFailed } from '#base/failure.ts'

/** The ETag of a value: SHA-256 of its JSON, without the quotes the header has. */
export function etagOf(value: unknown): string {
  return createHash('sha256')
    .update(JSON.stringify(sorted(value)))
    .digest('hex')
}

/** Throws a precondition-failed Failure where `ifMatch` was sent and is not the ETag of `value`. */
export function checkEtag(ifMatch: string | undefined, value: unknown): void {
  if (ifMatch === undefined || ifMatch === '') return
  const sent = ifMatch.replaceAll('"', '')
  const now = etagOf(value)
  if (sent !== now) throw preconditionFailed(`ETag doesn't match: ${now} vs ${sent}`)
}

/** Objects by sorted key: equal values must have one text, in whatever order they were built. */
function sorted(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(sorted)
  if (typeof value !== 'object' || value === null) return value
  const entries = Object.entries(value).filter(([, child]) => child !== undefined)
  entries.sort(([a], [b]) => (a < b ? -1 : 1))
  return Object.fromEntries(entries.map(([key, child]) => [key, sorted(child)]))
}
