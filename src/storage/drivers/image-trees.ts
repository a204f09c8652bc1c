import { readFile, readdir, rename, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { badRequest, explain } from '#base/failure.ts'
import type { Progress, Work } from '#base/progress.ts'
import { readBootId } from '#host/boot-id.ts'
import type { ImageTree } from '../driver.ts'
import { checkRootfs, exists } from './directories.ts'
import type { DriverHost, Scratch } from './scratch.ts'

/** In a tree that may not be whole on disk yet: the boot in which it was unpacked, which knows it whole in memory. */
const unflushed = '.unflushed'

/** An unpacking that one or more wait for. */
interface Unpacking {
  readonly done: Promise<void>
  readonly abort: AbortController
  readonly listeners: Set<Progress>
  waiting: number
}

/**
 * The unpacked images of a pool, `images/FINGERPRINT`, each shared by the volumes made from it.
 *
 * A tree is there as long as its image is, and beyond that as long as a volume needs it. It is used as soon as it is
 * unpacked and written to disk meanwhile; should the power go before that is done, it is unpacked again.
 */
export class ImageTrees {
  readonly #directory: string
  readonly #scratch: Scratch
  readonly #host: DriverHost
  readonly #unpacking = new Map<string, Unpacking>()
  /** Who needs a tree: names of volumes, and tokens of those that are being made. */
  readonly #users = new Map<string, Set<string | symbol>>()
  /** Trees whose image was deleted. */
  readonly #unwanted = new Set<string>()

  readonly #flushing = new Set<Promise<void>>()

  constructor(options: { readonly directory: string; readonly scratch: Scratch; readonly host: DriverHost }) {
    this.#directory = options.directory
    this.#scratch = options.scratch
    this.#host = options.host
  }

  path(fingerprint: string): string {
    return join(this.#directory, fingerprint)
  }

  async list(): Promise<string[]> {
    return (await readdir(this.#directory)).filter((name) => /^[0-9a-f]{64}$/.test(name))
  }

  /**
   * Takes up what is there at the start of the daemon, when {@link use} has told of all volumes: drops what no image
   * and no volume needs, and unpacks again what a power cut may have damaged.
   */
  async start(images: ReadonlyMap<string, ImageTree>): Promise<void> {
    const found = new Set(await this.list())
    for (const fingerprint of found) {
      if (!images.has(fingerprint)) await this.forget(fingerprint)
      else if (await this.#isDamaged(fingerprint)) await this.#scratch.discard(this.path(fingerprint))
    }
    for (const fingerprint of this.#users.keys()) await this.#restore(fingerprint, images.get(fingerprint))
  }

  /** Whether a tree was still being written when the machine went down; one of this boot is written out from now on. */
  async #isDamaged(fingerprint: string): Promise<boolean> {
    const boot = await readFile(join(this.path(fingerprint), unflushed), 'utf8').catch(() => undefined)
    if (boot === undefined) return false
    if (boot !== (await readBootId())) return true
    this.#flush(fingerprint)
    return false
  }

  async #restore(fingerprint: string, image: ImageTree | undefined): Promise<void> {
    if (await exists(this.path(fingerprint))) return
    try {
      if (!image) throw new Error('There is no such image')
      await this.#unpack(image, {})
    } catch (error) {
      this.#host.log.error('Cannot unpack an image again that volumes stand on', { fingerprint, error: explain(error) })
    }
  }

  /** Resolves when all trees are written to disk. */
  async idle(): Promise<void> {
    await Promise.all(this.#flushing)
  }

  /** Writes a tree to disk in the background. */
  #flush(fingerprint: string): void {
    const flushed = (async () => {
      try {
        await this.#host.mounts.flush(this.path(fingerprint))
        await rm(join(this.path(fingerprint), unflushed), { force: true })
      } catch (error) {
        if ((error as NodeJS.ErrnoException).code === 'ENOENT') return
        this.#host.log.warn('Cannot write an image to disk', { fingerprint, error: explain(error) })
      }
    })().finally(() => this.#flushing.delete(flushed))
    this.#flushing.add(flushed)
  }

  /** Notes that a volume needs the tree of an image. */
  use(fingerprint: string, user: string | symbol): void {
    const users = this.#users.get(fingerprint) ?? new Set()
    users.add(user)
    this.#users.set(fingerprint, users)
  }

  /** Notes that a volume does not need the tree any more; one that nobody wants goes with its last user. */
  async release(fingerprint: string, user: string | symbol): Promise<void> {
    const users = this.#users.get(fingerprint)
    users?.delete(user)
    if (users?.size !== 0) return
    this.#users.delete(fingerprint)
    await this.#dropUnwanted(fingerprint)
  }

  /** The image is gone; so is its tree, once nobody uses it. */
  async forget(fingerprint: string): Promise<void> {
    this.#unwanted.add(fingerprint)
    await this.#dropUnwanted(fingerprint)
  }

  async #dropUnwanted(fingerprint: string): Promise<void> {
    if (!this.#unwanted.has(fingerprint) || this.#users.has(fingerprint)) return
    this.#unwanted.delete(fingerprint)
    await this.#scratch.discard(this.path(fingerprint))
  }

  /**
   * Runs `work` with the tree of an image, unpacked now if it was not before, and keeps the tree meanwhile. All who
   * want the same tree at the same time wait for one unpacking, which ends early only when all of them have gone.
   */
  async with<T>(image: ImageTree, work: Work, then: (path: string) => Promise<T>): Promise<T> {
    checkFingerprint(image.fingerprint)
    const token = Symbol(image.fingerprint)
    this.use(image.fingerprint, token)
    this.#unwanted.delete(image.fingerprint)
    try {
      const path = this.path(image.fingerprint)
      while (!(await exists(path))) await this.#wait(image, work)
      return await then(path)
    } finally {
      await this.release(image.fingerprint, token)
    }
  }

  async #wait(image: ImageTree, { signal, progress }: Work): Promise<void> {
    signal?.throwIfAborted()
    const unpacking = this.#unpacking.get(image.fingerprint) ?? this.#start(image)
    unpacking.waiting++
    if (progress) unpacking.listeners.add(progress)
    const gone = Promise.withResolvers<never>()
    const leave = () => gone.reject(signal?.reason)
    signal?.addEventListener('abort', leave, { once: true })
    try {
      await Promise.race([unpacking.done, gone.promise])
    } finally {
      signal?.removeEventListener('abort', leave)
      if (progress) unpacking.listeners.delete(progress)
      if (--unpacking.waiting === 0) {
        this.#end(image.fingerprint, unpacking)
        // Whoever goes last sees to it that nothing is left.
        await unpacking.done.catch(() => {})
      }
    }
  }

  #start(image: ImageTree): Unpacking {
    const abort = new AbortController()
    const listeners = new Set<Progress>()
    const work: Work = {
      signal: abort.signal,
      progress: (stage, text) => {
        for (const listener of listeners) listener(stage, text)
      },
    }
    const done = this.#unpack(image, work)
    const unpacking = { done, abort, listeners, waiting: 0 }
    this.#unpacking.set(image.fingerprint, unpacking)
    const end = () => this.#end(image.fingerprint, unpacking)
    done.then(end, end)
    return unpacking
  }

  /** Whoever comes from now on does not join it. */
  #end(fingerprint: string, unpacking: Unpacking): void {
    if (this.#unpacking.get(fingerprint) === unpacking) this.#unpacking.delete(fingerprint)
    unpacking.abort.abort()
  }

  async #unpack(image: ImageTree, work: Work): Promise<void> {
    if (await exists(this.path(image.fingerprint))) return
    const directory = await this.#scratch.make()
    try {
      await image.unpack(directory, work)
      await checkRootfs(directory)
      work.signal?.throwIfAborted()
      await writeFile(join(directory, unflushed), await readBootId())
      await rename(directory, this.path(image.fingerprint))
      this.#flush(image.fingerprint)
    } catch (error) {
      await this.#scratch.discard(directory)
      throw error
    }
  }
}

function checkFingerprint(fingerprint: string): void {
  if (!/^[0-9a-f]{64}$/.test(fingerprint)) throw badRequest(`Invalid image fingerprint "${fingerprint}"`)
}
