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

/** A volume of a pool. Its name on disk is `name` in the default project and `project_name` in others. */
export interface Volume {
  readonly project: string
  readonly type: 'container' | 'custom'
  readonly name: string
  readonly config: Readonly<Record<string, string>>
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

  createPool(pool: Pool, undo: Undo): Promise<void>
  deletePool(pool: Pool): Promise<void>
  /** Makes the pool usable, at creation and at each start of the daemon; removes what a crash left half made. */
  mountPool(pool: Pool): Promise<void>
  unmountPool(pool: Pool): Promise<void>
  usage(pool: Pool): Promise<PoolUsage>

  createVolume(
    pool: Pool,
    volume: Volume,
    source: ImageTree | undefined,
    work: Work & { readonly undo: Undo },
  ): Promise<void>
  /** No failure if it is not there. */
  deleteVolume(pool: Pool, volume: Volume): Promise<void>
  renameVolume(pool: Pool, volume: Volume, name: string): Promise<void>
  /** Makes a container's volume ready to run with the map, `volume` stays as it is on disk (ids unshifted). */
  mountVolume(pool: Pool, volume: Volume, map: IdMap): Promise<Mounted>
  /** No failure if it is not mounted. */
  unmountVolume(pool: Pool, volume: Volume): Promise<void>
  /** Bytes the volume holds, or undefined where that can not be told cheaply. */
  volumeUsage(pool: Pool, volume: Volume): Promise<number | undefined>
  /** Forgets the cached tree of an image. No failure if there is none. */
  deleteImage(pool: Pool, fingerprint: string): Promise<void>
}

/** Declares a storage driver. */
export function defineStorageDriver<D extends StorageDriver>(driver: D): D {
  return driver
}
