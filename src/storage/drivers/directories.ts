import { chmod, lstat, mkdir, readFile, readdir, realpath, rename, rmdir, statfs, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { Failure, badRequest, explain, unavailable } from '#base/failure.ts'
import type { IdMap } from '#base/idmap.ts'
import type { Undo } from '#base/undo.ts'
import { path } from '#config/key.ts'
import { nameOnDisk } from '../driver.ts'
import type { KnownContent, Pool, PoolUsage, Volume } from '../driver.ts'
import { Scratch } from './scratch.ts'
import type { DriverHost } from './scratch.ts'

/** LXD's folders of a pool with their modes: guests' trees keep their set-uid files, so only root may get to them. */
const folders: Readonly<Record<string, number>> = {
  containers: 0o711,
  'containers-snapshots': 0o700,
  custom: 0o700,
  'custom-snapshots': 0o700,
  images: 0o700,
  'virtual-machines': 0o700,
  'virtual-machines-snapshots': 0o700,
}

/** The first that a pool gets and the last that it loses: a directory with it is a pool. */
const scratchFolder = '.scratch'
/** In a volume's directory: what it was called before a rename that may not have been finished. */
const renamedFrom = '.renamed-from'

/** Any map will do to try whether a file system can map ids at all. */
const trialMap: IdMap = [{ kind: 'both', inside: 0, host: 100_000, count: 65_536 }]

/** Keys of pools whose volumes are directories. */
export const directoryPoolKeys = {
  source: path({
    doc: `The directory the pool is kept in: one that is there and empty.

      By default one is made below \`storage-pools\` in the daemon's directory.`,
  }),
}

/** A pool whose volumes are directories of a file system: what such drivers have in common. */
export class Directories {
  readonly #host: DriverHost
  readonly #scratch = new Map<string, Scratch>()

  constructor(host: DriverHost) {
    this.#host = host
  }

  scratch(pool: Pool): Scratch {
    const found = this.#scratch.get(pool.name) ?? new Scratch(join(pool.directory, scratchFolder), this.#host)
    this.#scratch.set(pool.name, found)
    return found
  }

  volume(pool: Pool, volume: Pick<Volume, 'project' | 'name'>): string {
    return join(pool.directory, 'containers', nameOnDisk(volume))
  }

  async checkNewPool(pool: Pool): Promise<void> {
    await checkSource(pool)
    await this.#checkMaps(sourceOf(pool), hasSource(pool) ? sourceOf(pool) : join(pool.directory, '..'))
  }

  async createPool(pool: Pool, undo: Undo): Promise<void> {
    await mkdir(pool.directory, { mode: 0o711 })
    undo.add(`remove "${pool.directory}"`, () => rmdir(pool.directory))
    await this.#attachSource(pool)
    undo.add(`detach "${pool.directory}"`, () => this.#detachSource(pool))
    await this.scratch(pool).open()
    undo.add(`empty "${pool.directory}"`, () => this.#empty(pool))
    await makeFolders(pool)
  }

  /** May be repeated, also where a crash left a pool half made. */
  async deletePool(pool: Pool): Promise<void> {
    if (!(await exists(pool.directory))) return
    // What the source has become since it was given back is not ours to touch.
    if (await isPool(sourceOf(pool))) {
      await this.#attachSource(pool)
      await this.#empty(pool)
    }
    await this.#detachSource(pool)
    await rmdir(pool.directory)
  }

  async mountPool(pool: Pool, known: KnownContent): Promise<void> {
    if (!(await isPool(sourceOf(pool)))) {
      throw unavailable(`Cannot use storage pool "${pool.name}": "${sourceOf(pool)}" is not there, or holds no pool`)
    }
    await mkdir(pool.directory, { recursive: true, mode: 0o711 })
    await this.#attachSource(pool)
    await makeFolders(pool)
    await this.#finishRenames(pool, known.volumes)
    await this.scratch(pool).sweep()
  }

  async unmountPool(pool: Pool): Promise<void> {
    this.#scratch.delete(pool.name)
    await this.#detachSource(pool)
  }

  async usage(pool: Pool): Promise<PoolUsage> {
    const { blocks, bfree, bsize, files, ffree } = await statfs(pool.directory)
    return {
      space: { used: (blocks - bfree) * bsize, total: blocks * bsize },
      inodes: { used: files - ffree, total: files },
    }
  }

  /** Makes a volume with `fill` and moves it to its place. A failure leaves nothing. */
  async createVolume(pool: Pool, volume: Volume, fill: (directory: string) => Promise<void>): Promise<void> {
    const place = this.volume(pool, volume)
    if (await exists(place)) {
      throw new Failure('conflict', `Cannot create volume "${volume.name}" in pool "${pool.name}": it exists already`)
    }
    const directory = await this.scratch(pool).make()
    try {
      await fill(directory)
      await rename(directory, place)
    } catch (error) {
      await this.scratch(pool).discard(directory)
      throw error
    }
  }

  async deleteVolume(pool: Pool, volume: Volume): Promise<void> {
    await this.scratch(pool).discard(this.volume(pool, volume))
  }

  /**
   * Gives a volume another name. Where a crash keeps the store from learning of it, the next start finds the old
   * name noted in the volume and takes the rename back.
   */
  async renameVolume(pool: Pool, volume: Volume, name: string): Promise<void> {
    const from = this.volume(pool, volume)
    const to = this.volume(pool, { ...volume, name })
    const there = await exists(to)
    if (!(await exists(from)) && there) return
    if (there) throw new Failure('conflict', `Cannot rename volume "${volume.name}": "${name}" exists already`)
    await writeFile(join(from, renamedFrom), nameOnDisk(volume))
    await rename(from, to)
  }

  async #finishRenames(pool: Pool, known: ReadonlySet<string>): Promise<void> {
    const folder = join(pool.directory, 'containers')
    const found = new Set(await readdir(folder))
    for (const name of [...found].filter((one) => !known.has(one))) {
      const old = await readFile(join(folder, name, renamedFrom), 'utf8').catch(() => '')
      if (known.has(old) && !found.has(old)) await rename(join(folder, name), join(folder, old))
      else this.#host.log.warn('A storage volume belongs to no instance', { pool: pool.name, volume: name })
    }
    for (const name of [...known].filter((one) => !found.has(one))) {
      this.#host.log.debug('An instance has no storage volume', { pool: pool.name, instance: name })
    }
  }

  /** A pool kept elsewhere is found at its usual place through a bind mount. */
  async #attachSource(pool: Pool): Promise<void> {
    if (!hasSource(pool) || (await this.#isAttached(pool))) return
    await this.#host.mounts.bind(sourceOf(pool), pool.directory)
  }

  async #detachSource(pool: Pool): Promise<void> {
    if (hasSource(pool)) await this.#host.mounts.unmount(pool.directory)
  }

  async #isAttached(pool: Pool): Promise<boolean> {
    return (await this.#host.mounts.list()).some((mount) => mount.path === pool.directory)
  }

  async #checkMaps(source: string, directory: string): Promise<void> {
    try {
      using _ = await this.#host.mounts.detachedBind(directory, { map: trialMap })
    } catch (cause) {
      const message = `Cannot use "${source}" for a storage pool: its file system can not map ids of containers`
      throw badRequest(message, { cause })
    }
  }

  /** Removes what a pool consists of, and waits for it: its source is given back as it was found. */
  async #empty(pool: Pool): Promise<void> {
    const scratch = this.scratch(pool)
    for (const name of Object.keys(folders)) await scratch.discard(join(pool.directory, name))
    await scratch.sweep()
    await scratch.close()
    this.#scratch.delete(pool.name)
  }
}

function sourceOf(pool: Pool): string {
  return pool.config['source'] || pool.directory
}

function isPool(directory: string): Promise<boolean> {
  return exists(join(directory, scratchFolder))
}

function hasSource(pool: Pool): boolean {
  return sourceOf(pool) !== pool.directory
}

async function checkSource(pool: Pool): Promise<void> {
  if (await exists(pool.directory)) {
    throw badRequest(`Cannot create storage pool "${pool.name}": the directory "${pool.directory}" exists already`)
  }
  if (!hasSource(pool)) return
  const source = sourceOf(pool)
  const says = (what: string, cause?: unknown) =>
    badRequest(`Invalid storage pool configuration: "source": "${source}" ${what}`, { cause })
  const stat = await lstat(source).catch((error: unknown) => {
    throw says(`can not be used: ${explain(error)}`)
  })
  if (!stat.isDirectory() || (await realpath(source)) !== source) throw says('is not the full path of a directory')
  if ((await readdir(source)).length > 0) throw says('is not empty')
  const around = join(pool.directory, '..', '..')
  if (`${source}/`.startsWith(`${around}/`) || around.startsWith(`${source}/`))
    throw says(`overlaps the directory of the daemon, "${around}"`)
}

async function makeFolders(pool: Pool): Promise<void> {
  // Containers go through here to their root; a directory of the user's own stays as open as it was.
  const { mode } = await lstat(pool.directory)
  await chmod(pool.directory, hasSource(pool) ? (mode & 0o7777) | 0o011 : 0o711)
  for (const [name, mode] of Object.entries(folders)) {
    const folder = join(pool.directory, name)
    await mkdir(folder, { recursive: true, mode })
    await chmod(folder, mode)
  }
}

/** Throws where what was unpacked into a directory has no root file system that is a directory itself. */
export async function checkRootfs(directory: string): Promise<void> {
  const stat = await lstat(join(directory, 'rootfs')).catch(() => undefined)
  if (!stat?.isDirectory()) throw badRequest('Cannot use the image: it has no directory "rootfs"')
}

/** Whether there is anything at the path; a link counts, whatever it leads to. */
export async function exists(path: string): Promise<boolean> {
  try {
    await lstat(path)
    return true
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return false
    throw error
  }
}
