import type { FileHandle } from 'node:fs/promises'
import { Failure } from '#base/failure.ts'
import type { AuditAnchor } from '#store/audit-record.ts'
import { checkFollows, origin, readLine } from './chain.ts'
import type { Link } from './chain.ts'
import { linesOf, listFiles, openAll } from './files.ts'

/** What a check of the audit log found. */
export interface Verdict {
  /** How many lines are as they were written. */
  readonly lines: number
  /** Numbers of the first and the last of them. */
  readonly first: number
  readonly last: number
  readonly hash: string
  /** The first thing that is wrong, by file and line; undefined where all is well. */
  readonly broken: string | undefined
  /** What is to be known but is no fault. */
  readonly notes: readonly string[]
}

interface Options {
  /** What the store says of the log; only the whole log is compared with it. */
  readonly anchor?: AuditAnchor | undefined
  /** A line that someone noted elsewhere: it has to be in the log as it was. */
  readonly expected?: Link | undefined
}

/** Checks all of the log in a directory. */
export async function verifyDirectory(directory: string, options: Options = {}): Promise<Verdict> {
  for (let tries = 0; tries < 10; tries++) {
    const paths = (await listFiles(directory)).map(({ path }) => path)
    const handles = await openAll(paths).catch(() => undefined)
    // The log moved on to a new file between the listing and the opening.
    const now = (await listFiles(directory)).map(({ path }) => path)
    if (handles && paths.join('\n') === now.join('\n')) return await verify(paths, handles, options)
    for (const handle of handles ?? []) await handle.close()
  }
  throw new Failure('internal', `Cannot read the audit log in ${directory}: its files change all the time`)
}

/** Checks files, oldest first, as a part of a log. */
export async function verifyFiles(paths: readonly string[], options: Pick<Options, 'expected'> = {}): Promise<Verdict> {
  return await verify(paths, await openAll(paths), options)
}

/** What is known of the lines read so far. */
class Reading {
  lines = 0
  first = 0
  last: Link = origin
  broken: string | undefined
  readonly notes: string[] = []
  readonly #wanted: Map<number, string>

  constructor({ anchor, expected }: Options) {
    this.#wanted = new Map()
    if (anchor && anchor.sequence > 0) this.#wanted.set(anchor.sequence, anchor.hash)
    if (expected) this.#wanted.set(expected.sequence, expected.hash)
  }

  /** Takes the next line; false where the chain ends with it. */
  take(where: string, bytes: Buffer): boolean {
    try {
      const line = readLine(bytes)
      if (this.lines > 0) checkFollows(line, this.last)
      else if (line.sequence <= 1) checkFollows(line, origin)
      const wanted = this.#wanted.get(line.sequence)
      if (wanted !== undefined && wanted !== line.hash) throw new Error('its hash is not the one that was noted')
      this.#wanted.delete(line.sequence)
      if (this.lines === 0) this.first = line.sequence
      this.lines++
      this.last = line
      return true
    } catch (error) {
      this.broken = `${where}: ${(error as Error).message}`
      return false
    }
  }

  /** What was noted and has not been seen. */
  get missing(): number[] {
    return [...this.#wanted.keys()]
  }
}

async function verify(paths: readonly string[], handles: readonly FileHandle[], options: Options): Promise<Verdict> {
  const reading = new Reading(options)
  try {
    for (const [index, handle] of handles.entries()) {
      await readFile(reading, handle, { path: paths[index] ?? '', isLast: index === handles.length - 1 })
      if (reading.broken !== undefined) break
    }
  } finally {
    for (const handle of handles) await handle.close()
  }
  if (reading.broken === undefined) checkEnds(reading, options)
  const { lines, first, last, broken, notes } = reading
  return { lines, first, last: last.sequence, hash: last.hash, broken, notes }
}

async function readFile(
  reading: Reading,
  handle: FileHandle,
  { path, isLast }: { readonly path: string; readonly isLast: boolean },
): Promise<void> {
  let number = 0
  for await (const { bytes, complete } of linesOf(handle)) {
    number++
    const where = `${path}:${number}`
    if (complete) {
      if (!reading.take(where, bytes)) return
    } else if (isLast && bytes.length < 64 << 10) {
      reading.notes.push(`${where}: incomplete, the daemon was killed while it wrote; its next start records that`)
    } else {
      reading.broken = `${where}: it has no end`
    }
  }
}

function checkEnds(reading: Reading, { anchor }: Options): void {
  const { first, last, lines } = reading
  const [missing] = reading.missing.toSorted((a, b) => a - b)
  if (missing !== undefined) {
    reading.broken = `line number ${missing} is missing: the log ${lines === 0 ? 'is empty' : `has numbers ${first} to ${last.sequence}`}`
    return
  }
  if (anchor && lines > 0 && first > anchor.first) {
    reading.broken = `line number ${anchor.first} is missing: the log begins with number ${first}`
    return
  }
  if (anchor?.closed && last.sequence > anchor.sequence) {
    reading.broken = `line number ${anchor.sequence + 1} was not written by the daemon, which had stopped`
    return
  }
  if (first > 1) reading.notes.push(`the log begins with number ${first}: what came before was deleted by rotation`)
}
