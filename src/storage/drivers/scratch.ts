import { chmod, mkdir, readdir, rename, rmdir } from 'node:fs/promises'
import { join } from 'node:path'
import { explain } from '#base/failure.ts'
import { newUuid } from '#base/id.ts'
import type { Log } from '#base/log.ts'
import type { Mounts } from '#host/mounts.ts'
import type { Run } from '#host/run.ts'

/** What drivers need of the host. */
export interface DriverHost {
  readonly mounts: Mounts
  readonly run: Run
  readonly log: Log
}

/** How many trees one `rm` is given. */
const batch = 50

/**
 * The corner of a pool for what is not part of it yet, or no longer: trees are made here and moved to their place
 * when they are whole, and moved back here when they are deleted. So whatever is found here at the start of the
 * daemon is rubbish.
 */
export class Scratch {
  readonly #directory: string
  readonly #host: DriverHost
  #rubbish: string[] = []
  #removing: Promise<void> | undefined

  constructor(directory: string, host: DriverHost) {
    this.#directory = directory
    this.#host = host
  }

  /** Makes the corner itself; no failure if it is there. */
  async open(): Promise<void> {
    await mkdir(this.#directory, { recursive: true, mode: 0o700 })
    await chmod(this.#directory, 0o700)
  }

  /** An empty directory that none but root can enter. */
  async make(): Promise<string> {
    const path = join(this.#directory, newUuid())
    await mkdir(path, { mode: 0o700 })
    return path
  }

  /** Takes a tree away, mounts in it included, and removes it in the background. No failure if it is not there. */
  async discard(path: string): Promise<void> {
    const rubbish = join(this.#directory, newUuid())
    try {
      await rename(path, rubbish)
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code === 'ENOENT') return
      throw error
    }
    this.#remove([rubbish])
  }

  /** Removes all that is here, in the background. Only for a time when nothing is being made. */
  async sweep(): Promise<void> {
    const names = await readdir(this.#directory)
    this.#remove(names.map((name) => join(this.#directory, name)))
  }

  /** Resolves when all that was discarded so far is gone, or could not be removed. */
  async idle(): Promise<void> {
    while (this.#removing) await this.#removing
  }

  /** Waits for the removals and takes the corner itself away. What could not be removed keeps it there. */
  async close(): Promise<void> {
    await this.idle()
    await rmdir(this.#directory)
  }

  #remove(paths: readonly string[]): void {
    this.#rubbish.push(...paths)
    if (this.#rubbish.length === 0) return
    this.#removing ??= this.#work().finally(() => {
      this.#removing = undefined
    })
  }

  async #work(): Promise<void> {
    while (this.#rubbish.length > 0) {
      const paths = this.#rubbish.splice(0, batch)
      try {
        await this.#unmountBelow(paths)
        await this.#removeTrees(paths)
      } catch (error) {
        this.#host.log.warn('Cannot remove deleted files, the next start tries again', {
          paths,
          error: explain(error),
        })
      }
    }
  }

  async #unmountBelow(paths: readonly string[]): Promise<void> {
    const { mounts } = this.#host
    const below = (await mounts.list()).filter(({ path }) => paths.some((tree) => path.startsWith(`${tree}/`)))
    for (const { path } of below.reverse()) await mounts.unmount(path)
  }

  /**
   * By a program of its own: it walks by descriptors, so that neither the depth a guest gave its tree nor links in it
   * matter, and it keeps no thread of the daemon busy.
   */
  async #removeTrees(paths: readonly string[]): Promise<void> {
    const { run } = this.#host
    const remove = ['-n', '10', 'rm', '-rf', '--one-file-system', '--', ...paths]
    const day = 86_400_000
    try {
      await run('nice', remove, { timeout: day })
    } catch {
      // A privileged container can mark files so that not even root may remove them.
      await run('chattr', ['-R', '-f', '-i', '-a', '--', ...paths], { accept: [0, 1], timeout: day })
      await run('nice', remove, { timeout: day })
    }
  }
}
