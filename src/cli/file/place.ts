import { badRequest, explain, Failure, notFound } from '#base/failure.ts'
import { SftpError } from '#base/sftp-client.ts'
import { openFiles, type Files } from '#client/files.ts'

import type { Remotes } from '../remotes.ts'

/** A path in an instance. */
export interface Place {
  readonly instance: string
  /** Absolute; with a slash at its end where one was given. */
  readonly path: string
  /** Opens a session with the files of the instance. */
  readonly open: () => Promise<Files>
}

/** The bits of a mode that tell what kind of file it is, and three kinds. */
export const kinds = { mask: 0o170000, directory: 0o040000, file: 0o100000, symlink: 0o120000 } as const

/** Reads `[<remote>:]<instance>/<path>`; `what` says what it is in messages. */
export function placeOf(remotes: Remotes, text: string, what: 'path' | 'target' | 'source'): Place {
  const { connection, name } = remotes.at(text)
  const slash = name.indexOf('/')
  if (slash <= 0) throw badRequest(`Invalid ${what} ${name}`)
  const instance = name.slice(0, slash)
  return { instance, path: name.slice(slash), open: () => openFiles(connection, instance) }
}

/** What the server says of a file, as a failure of the command. */
export function explained(error: unknown): unknown {
  if (!(error instanceof SftpError)) return error
  if (error.code === 'ENOENT') return notFound('Not Found')
  return new Failure('bad-request', explain(error).replace(/^E[A-Z0-9]+: /, ''))
}

/** Runs `work` with the files of a place. */
export async function withFiles<T>(place: Place, work: (files: Files) => Promise<T>): Promise<T> {
  using files = await place.open()
  try {
    return await work(files)
  } catch (error) {
    throw explained(error)
  }
}

/** Something done to many things, a few at a time. Stops at the first failure. */
export async function forEach<T>(items: readonly T[], work: (item: T) => Promise<void>): Promise<void> {
  const waiting = items.values()
  let failed = false
  const workers = Array.from({ length: Math.min(24, items.length) }, async () => {
    for (const item of waiting) {
      if (failed) return
      try {
        await work(item)
      } catch (error) {
        failed = true
        throw error
      }
    }
  })
  await Promise.all(workers)
}
