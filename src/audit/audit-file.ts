import {
  closeSync,
  fstatSync,
  fsyncSync,
  ftruncateSync,
  mkdirSync,
  openSync,
  readdirSync,
  readSync,
  renameSync,
  statSync,
  writeSync,
} from 'node:fs'
import { join } from 'node:path'
import { explain } from '#base/failure.ts'
import { origin, readLine } from './chain.ts'
import type { Link } from './chain.ts'
import { currentName, isRotated, rotatedName } from './files.ts'

/** How far the log is known to have come. */
export interface Known extends Link {
  /** Whether it must end there. */
  readonly closed: boolean
}

/** What is wrong with the files of a log. */
export interface Breach {
  readonly reason: string
  readonly expected: number
  readonly found: number
}

/** How much of the end of a file is looked at when it is opened, in bytes. */
const tailLength = 4 << 20

/** The file lines are appended to, with where its chain has come to. */
export class AuditFile implements Disposable {
  readonly descriptor: number
  /** What the next line follows. */
  head: Link
  /** Bytes of an incomplete last line that was removed. */
  readonly torn: number
  /** What does not fit with what was known. */
  readonly breach: Breach | undefined
  readonly #path: string
  readonly #directory: string
  #size: number
  readonly #first: number

  /** Opens the log's newest file, or makes it. Throws what the system says where it can't. */
  constructor(directory: string, known: Known | undefined) {
    mkdirSync(directory, { recursive: true, mode: 0o700 })
    this.#directory = directory
    this.#path = join(directory, currentName)
    this.descriptor = openSync(this.#path, 'a+', 0o600)
    try {
      const end = readEnd(this.descriptor)
      this.torn = end.torn
      if (end.torn > 0) ftruncateSync(this.descriptor, end.size)
      this.#size = end.size
      const lines = end.size > 0 ? end.lines : newestRotated(directory)
      const { head, breach } = compare(lines, known)
      this.head = head
      this.breach = breach
      this.#first = end.size > 0 ? firstNumber(this.descriptor, head) : head.sequence + 1
    } catch (error) {
      closeSync(this.descriptor)
      throw error
    }
  }

  /** The number of its first line. */
  get first(): number {
    return this.#first
  }

  get size(): number {
    return this.#size
  }

  /** Appends a line whole or not at all. Throws what the system says where it can't. */
  append(line: string, link: Link): void {
    const bytes = Buffer.from(line, 'latin1')
    try {
      for (let at = 0; at < bytes.length;) at += writeSync(this.descriptor, bytes, at)
    } catch (error) {
      // Half a line would be taken for the mark of a crash.
      ftruncateSync(this.descriptor, this.#size)
      throw error
    }
    this.#size += bytes.length
    this.head = link
  }

  /** Whether the file is still the one of that name, and as long as it was left. */
  get isIntact(): boolean {
    const open = fstatSync(this.descriptor)
    const named = statSync(this.#path, { throwIfNoEntry: false })
    return open.size === this.#size && named?.ino === open.ino && named.dev === open.dev
  }

  /** Gives the file the name of a full one. The next is made by opening the log anew. */
  retire(): void {
    fsyncSync(this.descriptor)
    renameSync(this.#path, join(this.#directory, rotatedName(this.#first)))
    const directory = openSync(this.#directory, 'r')
    try {
      fsyncSync(directory)
    } finally {
      closeSync(directory)
    }
  }

  [Symbol.dispose](): void {
    closeSync(this.descriptor)
  }
}

interface End {
  /** Bytes up to the end of the last complete line. */
  readonly size: number
  readonly torn: number
  /** The last lines, as many as fit. */
  readonly lines: readonly Buffer[]
}

function readEnd(descriptor: number): End {
  const { size } = fstatSync(descriptor)
  const length = Math.min(size, tailLength)
  const bytes = Buffer.alloc(length)
  readSync(descriptor, bytes, 0, length, size - length)
  const end = bytes.lastIndexOf(10) + 1
  const torn = length - end
  const lines: Buffer[] = []
  for (let start = length < size ? bytes.indexOf(10) + 1 : 0; start < end;) {
    const next = bytes.indexOf(10, start)
    lines.push(bytes.subarray(start, next))
    start = next + 1
  }
  return { size: size - torn, torn, lines }
}

function newestRotated(directory: string): readonly Buffer[] {
  const newest = readdirSync(directory).filter(isRotated).toSorted().at(-1)
  if (newest === undefined) return []
  const descriptor = openSync(join(directory, newest), 'r')
  try {
    return readEnd(descriptor).lines
  } finally {
    closeSync(descriptor)
  }
}

function firstNumber(descriptor: number, head: Link): number {
  const start = Buffer.alloc(256)
  readSync(descriptor, start, 0, start.length, 0)
  const number = Number(/"sequence":(\d+)/.exec(start.toString('latin1'))?.[1])
  return Number.isSafeInteger(number) ? number : head.sequence
}

/** Where the chain goes on: after the last line, or where that isn't what it should be, after what was known. */
function compare(lines: readonly Buffer[], known: Known | undefined): { head: Link; breach: Breach | undefined } {
  const last = lines.at(-1)
  let found: Link = origin
  try {
    if (last) found = readLine(last)
  } catch (error) {
    const expected = known?.sequence ?? 0
    const breach = { reason: `the last line is broken: ${explain(error)}`, expected, found: 0 }
    return { head: known ?? { ...origin, sequence: lines.length }, breach }
  }
  if (!known) return { head: found, breach: undefined }

  const breach = (reason: string) => ({
    head: { sequence: Math.max(known.sequence, found.sequence), hash: known.hash },
    breach: { reason, expected: known.sequence, found: found.sequence },
  })
  if (found.sequence < known.sequence) return breach('lines are missing at the end')
  if (known.closed && found.sequence > known.sequence) return breach('lines were added at the end')
  const same = lines.at(-1 - (found.sequence - known.sequence))
  if (same && known.sequence > 0 && hashIn(same) !== known.hash) return breach('lines are others than were written')
  return { head: found, breach: undefined }
}

function hashIn(line: Buffer): string | undefined {
  try {
    return readLine(line).hash
  } catch {
    return undefined
  }
}
