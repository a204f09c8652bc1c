import { open, readdir } from 'node:fs/promises'
import type { FileHandle } from 'node:fs/promises'
import { join } from 'node:path'
import { maxLine } from './chain.ts'

/** The file that is written to. */
export const currentName = 'audit.log'

/** The name of a file that is full, by the number of its first line. */
export function rotatedName(first: number): string {
  return `audit-${String(first).padStart(15, '0')}.log`
}

const rotated = /^audit-(\d{15})\.log$/

export function isRotated(name: string): boolean {
  return rotated.test(name)
}

/** The files of a log, oldest first: paths, and for those that are full the number of the first line. */
export async function listFiles(directory: string): Promise<{ readonly path: string; readonly first?: number }[]> {
  const names = await readdir(directory)
  const full = names
    .map((name) => ({ name, first: Number(rotated.exec(name)?.[1] ?? Number.NaN) }))
    .filter(({ first }) => Number.isInteger(first))
    .toSorted((a, b) => a.first - b.first)
    .map(({ name, first }) => ({ path: join(directory, name), first }))
  return names.includes(currentName) ? [...full, { path: join(directory, currentName) }] : full
}

/** The lines of a file, without their ends. `complete` is false for a last one that has no end. */
export async function* linesOf(handle: FileHandle): AsyncGenerator<{ bytes: Buffer; complete: boolean }> {
  let rest: Buffer = Buffer.alloc(0)
  const chunk = Buffer.alloc(1 << 20)
  for (let at = 0; ;) {
    const { bytesRead } = await handle.read(chunk, 0, chunk.length, at)
    if (bytesRead === 0) break
    at += bytesRead
    const data = Buffer.concat([rest, chunk.subarray(0, bytesRead)])
    let start = 0
    for (let end = data.indexOf(10); end >= 0; end = data.indexOf(10, start)) {
      yield { bytes: data.subarray(start, end), complete: true }
      start = end + 1
    }
    rest = Buffer.from(data.subarray(start))
    // A line of ours is never so long: what comes is no log, and is not to be held in memory.
    if (rest.length > maxLine) break
  }
  if (rest.length > 0) yield { bytes: rest, complete: false }
}

/** Opens files all at once, so that what is renamed meanwhile is neither missed nor read twice. */
export async function openAll(paths: readonly string[]): Promise<FileHandle[]> {
  const opened = await Promise.allSettled(paths.map((path) => open(path, 'r')))
  const failed = opened.find((one) => one.status === 'rejected')
  if (!failed) return opened.flatMap((one) => (one.status === 'fulfilled' ? [one.value] : []))
  for (const one of opened) if (one.status === 'fulfilled') await one.value.close()
  throw failed.reason
}
