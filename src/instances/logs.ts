import { mkdir, open, readdir, readFile, rm, truncate } from 'node:fs/promises'
import type { FileHandle } from 'node:fs/promises'
import { join } from 'node:path'
import { Readable } from 'node:stream'
import { badRequest, notFound } from '#base/failure.ts'

/** The log files of liblxc and of recorded commands. Others in the directory are not for clients. */
const shown = /^(lxc\.(log|conf)|exec_[0-9a-f-]{36}\.(stdout|stderr))$/

/** The log files of instances, in a directory for each; `instance` is its name at the runtime. */
export class InstanceLogs {
  readonly #directory: string

  constructor(directory: string) {
    this.#directory = directory
  }

  /** The names of an instance's log files that clients may see, in order. */
  async list(instance: string): Promise<string[]> {
    const names = await readdir(join(this.#directory, instance)).catch(() => [])
    return names.filter((name) => shown.test(name)).toSorted()
  }

  /** The bytes of a log file, as many as it has now. */
  async read(
    instance: string,
    name: string,
  ): Promise<{ readonly size: number; readonly modified: Date; readonly body: Readable }> {
    const file = await open(await this.#find(instance, name)).catch(missing)
    const { size, mtime } = await file.stat()
    // A log that grows meanwhile must not outgrow the length that was promised.
    if (size > 0) return { size, modified: mtime, body: file.createReadStream({ end: size - 1 }) }
    await file.close()
    return { size, modified: mtime, body: Readable.from([]) }
  }

  /** A new file for the output of a recorded command. */
  async create(instance: string, name: string): Promise<FileHandle> {
    await mkdir(join(this.#directory, instance), { recursive: true, mode: 0o700 })
    return await open(join(this.#directory, instance, name), 'wx', 0o600)
  }

  /** Removes the output of a recorded command; liblxc's files stay. */
  async delete(instance: string, name: string): Promise<void> {
    if (name === 'lxc.log' || name === 'lxc.conf') throw badRequest('lxc.log and lxc.conf may not be deleted')
    await rm(await this.#find(instance, name)).catch(missing)
  }

  /** What was written to the console; nothing where there is no log. liblxc bounds how much that is. */
  async readConsole(instance: string): Promise<Buffer> {
    try {
      return await readFile(this.#console(instance))
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code === 'ENOENT') return Buffer.alloc(0)
      throw error
    }
  }

  /** Empties the console's log, which liblxc goes on to write to. */
  async clearConsole(instance: string): Promise<void> {
    await truncate(this.#console(instance), 0).catch((error: NodeJS.ErrnoException) => {
      if (error.code !== 'ENOENT') throw error
    })
  }

  #console(instance: string): string {
    return join(this.#directory, instance, 'console.log')
  }

  /** A name is only ever looked up among those that are there. */
  async #find(instance: string, name: string): Promise<string> {
    if (!shown.test(name)) throw badRequest(`log file name ${name} not valid`)
    const found = (await this.list(instance)).find((one) => one === name)
    if (found === undefined) throw notFound('Log file not found')
    return join(this.#directory, instance, found)
  }
}

/** For a log that someone else has deleted meanwhile. */
function missing(error: unknown): never {
  throw (error as NodeJS.ErrnoException).code === 'ENOENT' ? notFound('Log file not found') : error
}
