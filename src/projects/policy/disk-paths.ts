import { posix } from 'node:path'

/** Part of the host's file system: a directory, and what is meant below it. */
export interface PathBelow {
  readonly directory: string
  /** Relative to it; empty for the directory itself. */
  readonly rest: string
}

/**
 * Which of some directories a path is in, by the names in it. What links in the path lead to only who opens it can
 * tell: it must be opened below the directory, not as it is written.
 */
export function findDirectory(directories: readonly string[], path: string): PathBelow | undefined {
  if (!path.startsWith('/') || path.includes('\0')) return undefined
  const wanted = names(path)
  for (const directory of directories) {
    const around = names(directory)
    if (around.every((name, index) => wanted[index] === name)) {
      return { directory: posix.normalize(directory), rest: wanted.slice(around.length).join('/') }
    }
  }
  return undefined
}

function names(path: string): string[] {
  return posix
    .normalize(path)
    .split('/')
    .filter((name) => name !== '')
}
