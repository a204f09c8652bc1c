import {
  chmod,
  chown,
  copyFile,
  lstat,
  mkdir,
  mkdtemp,
  readFile,
  readdir,
  rm,
  utimes,
  writeFile,
} from 'node:fs/promises'
import { constants } from 'node:fs'
import { release } from 'node:os'
import { join } from 'node:path'
import { badRequest, explain } from '#base/failure.ts'
import { hostRoot } from '#base/idmap.ts'
import type { IdMap } from '#base/idmap.ts'
import { tryOverlay } from '#host/overlay-trial.ts'
import { defineStorageDriver, nameOnDisk } from '../driver.ts'
import type { ImageTree, KnownContent, Mounted, Pool, Volume } from '../driver.ts'
import { Directories, directoryPoolKeys } from './directories.ts'
import { ImageTrees } from './image-trees.ts'
import type { DriverHost } from './scratch.ts'

/** In a volume's directory: the fingerprint of the image it stands on. A volume made empty has none. */
const imageFile = '.image'
const fingerprint = /^[0-9a-f]{64}$/

/**
 * The driver `overlay`: volumes are layers over the trees of their images. On disk:
 *
 *     images/FINGERPRINT/rootfs        the image, unpacked once, never written again
 *     containers/NAME/layers/upper     what the instance changed
 *     containers/NAME/layers/work      the kernel's
 *     containers/NAME/rootfs           where both are mounted as one while the instance runs
 *
 * Both layers have the ids of the image; the mount shows them through the instance's map.
 */
export function overlayDriver(host: DriverHost & { readonly trialDirectory: string }) {
  const volumes = new OverlayVolumes(host)
  const { directories } = volumes
  let version: Promise<string | undefined> | undefined

  return defineStorageDriver({
    name: 'overlay',
    doc: `Volumes are layers over an image that is unpacked once.

      Making one takes no time and no space. Needs a kernel that can map the ids of an overlay's layers (Linux 5.19).`,
    remote: false,
    poolKeys: directoryPoolKeys,
    volumeKeys: {},
    version: () => (version ??= findVersion(host)),

    checkNewPool: (pool) => directories.checkNewPool(pool),
    async createPool(pool, undo) {
      volumes.forgetPool(pool)
      await directories.createPool(pool, undo)
      await volumes.checkKernel(pool)
    },
    async deletePool(pool) {
      await volumes.trees(pool).idle()
      volumes.forgetPool(pool)
      await directories.deletePool(pool)
    },
    mountPool: (pool, known) => volumes.mountPool(pool, known),
    settle: (pool) => volumes.settle(pool),
    async unmountPool(pool) {
      for (const name of await volumes.mounted(pool)) await volumes.unmountNamed(pool, name)
      await directories.unmountPool(pool)
      volumes.forgetPool(pool)
    },
    usage: (pool) => directories.usage(pool),

    createVolume: (pool, volume, source, work) =>
      source
        ? volumes.trees(pool).with(source, work, (tree) => volumes.createFrom(pool, volume, { source, tree }))
        : directories.createVolume(pool, volume, makeEmpty),
    deleteVolume: (pool, volume) => volumes.delete(pool, volume),
    renameVolume: (pool, volume, name) => volumes.rename(pool, volume, name),
    mountVolume: (pool, volume, map) => volumes.mount(pool, volume, map),
    unmountVolume: (pool, volume) => volumes.unmountNamed(pool, nameOnDisk(volume)),
    volumeUsage: () => Promise.resolve(undefined),

    mountedVolumes: (pool) => volumes.mounted(pool),
    images: (pool) => volumes.trees(pool).list(),
    deleteImage: (pool, image) => volumes.trees(pool).forget(image),
  })
}

async function findVersion(host: DriverHost & { readonly trialDirectory: string }): Promise<string | undefined> {
  const directory = await mkdtemp(join(host.trialDirectory, '.trial-'))
  try {
    await tryOverlay(host.mounts, directory)
    return release()
  } catch (error) {
    host.log.info('This kernel can not serve storage pools of the driver overlay', { error: explain(error) })
    return undefined
  } finally {
    await rm(directory, { recursive: true, force: true })
  }
}

class OverlayVolumes {
  readonly directories: Directories
  readonly #host: DriverHost
  readonly #trees = new Map<string, ImageTrees>()

  constructor(host: DriverHost) {
    this.#host = host
    this.directories = new Directories(host)
  }

  trees(pool: Pool): ImageTrees {
    const made = () =>
      new ImageTrees({
        directory: join(pool.directory, 'images'),
        scratch: this.directories.scratch(pool),
        host: this.#host,
      })
    const found = this.#trees.get(pool.name) ?? made()
    this.#trees.set(pool.name, found)
    return found
  }

  async settle(pool: Pool): Promise<void> {
    await this.trees(pool).idle()
    await this.directories.scratch(pool).idle()
  }

  forgetPool(pool: Pool): void {
    this.#trees.delete(pool.name)
  }

  /** Throws where the kernel, or the pool's file system, can not do what volumes need. */
  async checkKernel(pool: Pool): Promise<void> {
    const scratch = this.directories.scratch(pool)
    const directory = await scratch.make()
    try {
      await tryOverlay(this.#host.mounts, directory)
    } catch (cause) {
      const message = `Cannot create storage pool "${pool.name}": this kernel can not mount overlays with mapped ids there, the driver "dir" can be used instead`
      throw badRequest(message, { cause })
    } finally {
      await scratch.discard(directory)
    }
  }

  async mountPool(pool: Pool, known: KnownContent): Promise<void> {
    await this.directories.mountPool(pool, known)
    const folder = join(pool.directory, 'containers')
    const trees = this.trees(pool)
    for (const name of await readdir(folder)) {
      const image = await readImage(join(folder, name))
      if (image !== undefined) trees.use(image, name)
    }
    await trees.start(known.images)
  }

  async createFrom(pool: Pool, volume: Volume, from: { source: ImageTree; tree: string }): Promise<void> {
    await this.directories.createVolume(pool, volume, async (directory) => {
      await makeLayers(directory, join(from.tree, 'rootfs'))
      await copyMetadata(from.tree, directory)
      await writeFile(join(directory, imageFile), from.source.fingerprint)
    })
    this.trees(pool).use(from.source.fingerprint, nameOnDisk(volume))
  }

  async delete(pool: Pool, volume: Volume): Promise<void> {
    const image = await readImage(this.directories.volume(pool, volume))
    await this.directories.deleteVolume(pool, volume)
    if (image !== undefined) await this.trees(pool).release(image, nameOnDisk(volume))
  }

  async rename(pool: Pool, volume: Volume, name: string): Promise<void> {
    const renamed = { ...volume, name }
    await this.unmountNamed(pool, nameOnDisk(volume))
    await this.directories.renameVolume(pool, volume, name)
    const image = await readImage(this.directories.volume(pool, renamed))
    if (image === undefined) return
    this.trees(pool).use(image, nameOnDisk(renamed))
    await this.trees(pool).release(image, nameOnDisk(volume))
  }

  async mount(pool: Pool, volume: Volume, map: IdMap): Promise<Mounted> {
    const directory = this.directories.volume(pool, volume)
    const image = await readImage(directory)
    const lower = image === undefined ? join(directory, 'lower') : join(this.trees(pool).path(image), 'rootfs')
    const target = join(directory, 'rootfs')
    await this.#host.mounts.unmount(target)
    // The container's root goes through here to its root file system, and no other user of the host may.
    await chown(directory, hostRoot(map, 'uid'), 0)
    await chmod(directory, 0o100)
    const name = `${pool.name}/${nameOnDisk(volume)}`
    await this.#host.mounts.overlay({ lower, layers: join(directory, 'layers'), map, name }, target)
    return { rootfs: `dir:${target}`, path: target, lxc: [] }
  }

  async unmountNamed(pool: Pool, name: string): Promise<void> {
    await this.#host.mounts.unmount(join(pool.directory, 'containers', name, 'rootfs'))
  }

  async mounted(pool: Pool): Promise<string[]> {
    const folder = `${join(pool.directory, 'containers')}/`
    const paths = (await this.#host.mounts.list()).map(({ path }) => path).filter((path) => path.startsWith(folder))
    const names = paths.map((path) => path.slice(folder.length).split('/'))
    return names.filter(([, last, ...rest]) => last === 'rootfs' && rest.length === 0).map(([name = '']) => name)
  }
}

async function readImage(volume: string): Promise<string | undefined> {
  try {
    const text = await readFile(join(volume, imageFile), 'utf8')
    return fingerprint.test(text) ? text : undefined
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined
    throw error
  }
}

async function makeEmpty(directory: string): Promise<void> {
  const lower = join(directory, 'lower')
  await mkdir(lower, { mode: 0o755 })
  await makeLayers(directory, lower)
}

/** The upper layer's own root is what the instance sees as its `/`, so it looks like that of the lower tree. */
async function makeLayers(directory: string, lower: string): Promise<void> {
  const upper = join(directory, 'layers/upper')
  await mkdir(join(directory, 'rootfs'), { mode: 0o700 })
  await mkdir(join(directory, 'layers'), { mode: 0o700 })
  await mkdir(join(directory, 'layers/work'), { mode: 0o700 })
  await mkdir(upper, { mode: 0o700 })
  const { uid, gid, mode, atime, mtime } = await lstat(lower)
  await chown(upper, uid, gid)
  await chmod(upper, mode & 0o7777)
  await utimes(upper, atime, mtime)
}

/** The image's metadata and templates, which belong to the instance from now on. Only files are copied. */
async function copyMetadata(tree: string, directory: string): Promise<void> {
  await copyRegular(join(tree, 'metadata.yaml'), join(directory, 'metadata.yaml'))
  const templates = await readdir(join(tree, 'templates')).catch(() => [])
  if (templates.length === 0) return
  await mkdir(join(directory, 'templates'), { mode: 0o700 })
  for (const name of templates) {
    await copyRegular(join(tree, 'templates', name), join(directory, 'templates', name))
  }
}

async function copyRegular(from: string, to: string): Promise<void> {
  const stat = await lstat(from).catch(() => undefined)
  if (stat?.isFile()) await copyFile(from, to, constants.COPYFILE_EXCL)
}
