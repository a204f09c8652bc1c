import { createHash } from 'node:crypto'
import { toJsonLine } from './entry.ts'
import type { AuditEntry } from './entry.ts'

/** A place in the chain: the number of a line and its hash. */
export interface Link {
  readonly sequence: number
  readonly hash: string
}

/** What comes before the first line. */
export const origin: Link = { sequence: 0, hash: '0'.repeat(64) }

/** The most bytes a line can have: entries are far smaller. */
export const maxLine = 64 << 10

/** A line read back. */
export interface ChainLine extends Link {
  readonly previous: string
}

function hashOf(bytes: Uint8Array | string): string {
  return createHash('sha256').update(bytes).digest('hex')
}

/** The line for an entry that follows `previous`, with its end. Its hash is that of all that stands before the hash. */
export function seal(previous: Link, time: string, entry: AuditEntry): { readonly line: string; readonly link: Link } {
  const sequence = previous.sequence + 1
  const body = toJsonLine({ time, sequence, ...entry, previous: previous.hash }).slice(0, -1)
  const hash = hashOf(body)
  return { line: `${body},"hash":"${hash}"}\n`, link: { sequence, hash } }
}

const tail = /,"previous":"([0-9a-f]{64})","hash":"([0-9a-f]{64})"\}$/
const tailLength = ',"previous":"","hash":""}'.length + 128
const hashLength = ',"hash":""}'.length + 64

/** Reads a line, without its end. Throws an Error that says what is wrong with it by itself. */
export function readLine(bytes: Buffer): ChainLine {
  const match = tail.exec(bytes.subarray(-tailLength).toString('latin1'))
  if (!match) throw new Error('it does not end with two hashes')
  const [, previous = '', hash = ''] = match
  // The bytes as they are: two texts that look alike must not pass for each other.
  if (hashOf(bytes.subarray(0, -hashLength)) !== hash) throw new Error('its hash is not that of what it says')
  const { sequence } = JSON.parse(bytes.toString('latin1')) as { readonly sequence?: unknown }
  if (typeof sequence !== 'number' || !Number.isSafeInteger(sequence)) throw new Error('it has no number')
  return { sequence, previous, hash }
}

/** Throws an Error that says why a line cannot follow another. */
export function checkFollows(line: ChainLine, before: Link): void {
  if (line.sequence !== before.sequence + 1) {
    throw new Error(`its number is ${line.sequence}, that of the line before it ${before.sequence}`)
  }
  if (line.previous !== before.hash) throw new Error('the hash of the line before it is another')
}
