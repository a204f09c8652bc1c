import type { IdMap } from '#base/idmap.ts'
import type { Work } from '#base/progress.ts'
import type { Undo } from '#base/undo.ts'
import type { Keys } from '#config/key.ts'

/** A pool as its driver sees it. */
export interface Pool {
  readonly name: string
  readonly config: Readonly<Record<string, string>>
  /** Where the pool is found on the host: `LXD_DIR/storage-pools/NAME`. */
  readonly directory: string
}

/** A volume of a pool. */
export interface Volume {
  readonly project: string
  readonly type: 'container'
  readonly name: string
}

/** The name of a volume on disk: `name` in the default project, `project_name` in others. */
export function nameOnDisk({ project, name }: Pick<Volume, 'project' | 'name'>): string {
  return project === 'default' ? name : `${project}_${name}`
}

/** What the store knows to be in a pool. */
export interface KnownContent {
  /** Names of containers' volumes on disk. */
  readonly volumes: ReadonlySet<string>
  /** Images by fingerprint, should a tree have to be unpacked again. */
  readonly images: ReadonlyMap<string, ImageTree>
}

/** An image's tree that a driver can unpack: once per pool, or once per volume. */
export interface ImageTree {
  /** SHA-256 of the image file, in hex: the name it is cached under. */
  readonly fingerprint: string
  /** Unpacks `rootfs/`, `metadata.yaml` and `templates/` into an empty directory. The bytes' hash was verified. */
  unpack(directory: string, work: Work): Promise<void>
}

/** A volume made ready for a container to run from. */
export interface Mounted {
  /** What `lxc.rootfs.path` is to be. */
  readonly rootfs: string
  /** The directory of the host that is the root. */
  readonly path: string
  /** Further lines for liblxc, such as `lxc.rootfs.options`. */
  readonly lxc: readonly (readonly [string, string])[]
}

/** Space in bytes and files in inodes. */
export interface PoolUsage {
  readonly space: { readonly used: number; readonly total: number }
  readonly inodes: { readonly used: number; readonly total: number }
}

/** A kind of pool: the few verbs in which kinds differ. All verbs may be repeated after a crash. */
export interface StorageDriver {
  readonly name: string
  readonly doc: string
  readonly remote: boolean
  readonly poolKeys: Keys
  readonly volumeKeys: Keys
  /** The version of what the driver relies on, or undefined where this host can not serve it. */
  version(): Promise<string | undefined>

  /** Throws a Failure where the pool can not be made. Changes nothing. */
  checkNewPool(pool: Pool): Promise<void>
  /** Makes a pool that was checked. Whatever is found in its place afterwards is the pool's. */
  createPool(pool: Pool, undo: Undo): Promise<void>
  deletePool(pool: Pool): Promise<void>
  /**
   * Makes the pool usable, at creation and at each start of the daemon; removes what a crash left half made and ends
   * what it left half done. What is whole but unknown to the store is left alone. Instances may be running from it.
   */
  mountPool(pool: Pool, known: KnownContent): Promise<void>
  /** Resolves when the space of what was deleted is free, and no other work goes on in the background. */
  settle(pool: Pool): Promise<void>
  /** Lets go of a pool nothing runs from, after {@link settle}. */
  unmountPool(pool: Pool): Promise<void>
  usage(pool: Pool): Promise<PoolUsage>

  createVolume(
    pool: Pool,
    volume: Volume,
    source: ImageTree | undefined,
    work: Work & { readonly undo: Undo },
  ): Promise<void>
  /** No failure if it is not there. The name is free at once; the space comes back soon after. */
  deleteVolume(pool: Pool, volume: Volume): Promise<void>
  /** No failure if that was done before. */
  renameVolume(pool: Pool, volume: Volume, name: string): Promise<void>
  /**
   * Makes a container's volume ready to run with the map; on disk its ids stay as they are. A mount that is there
   * already is replaced.
   */
  mountVolume(pool: Pool, volume: Volume, map: IdMap): Promise<Mounted>
  /** No failure if it is not mounted. */
  unmountVolume(pool: Pool, volume: Volume): Promise<void>
  /** Bytes the volume holds, or undefined where that can not be told cheaply. */
  volumeUsage(pool: Pool, volume: Volume): Promise<number | undefined>
  /** The names on disk of the volumes that are mounted. */
  mountedVolumes(pool: Pool): Promise<readonly string[]>
  /** The images whose tree the pool caches. */
  images(pool: Pool): Promise<readonly string[]>
  /** Forgets the cached tree of an image, once no volume needs it any more. No failure if there is none. */
  deleteImage(pool: Pool, fingerprint: string): Promise<void>
}

/** Declares a storage driver. */
export function defineStorageDriver<D extends StorageDriver>(driver: D): D {
  return driver
}
