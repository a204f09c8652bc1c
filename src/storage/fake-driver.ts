import { badRequest, conflict } from '#base/failure.ts'
import { path } from '#config/key.ts'
import { nameOnDisk } from './driver.ts'
import type { ImageTree, KnownContent, Pool, StorageDriver, Volume } from './driver.ts'

/** A pool of the {@link FakeDriver}. */
export interface FakePool {
  readonly volumes: Map<string, ImageTree | undefined>
  readonly mounted: Set<string>
  readonly images: Set<string>
}

/** A storage driver whose pools are in memory, for tests. What is in `failing` fails. */
export class FakeDriver implements StorageDriver {
  readonly name = 'fake'
  readonly doc = 'Pools in memory.'
  readonly remote = false
  readonly poolKeys = { source: path({ doc: 'Where the pool is.' }) }
  readonly volumeKeys = {}
  readonly pools = new Map<string, FakePool>()
  readonly failing = new Map<keyof StorageDriver, Error>()
  /** What pools were last mounted with. */
  readonly known = new Map<string, KnownContent>()
  supported = true

  version(): Promise<string | undefined> {
    return Promise.resolve(this.supported ? '1' : undefined)
  }

  async checkNewPool(pool: Pool): Promise<void> {
    this.#mayFail('checkNewPool')
    if (this.pools.has(pool.name)) throw badRequest('It is there already')
  }

  async createPool(pool: Pool, undo: { add(what: string, undo: () => unknown): void }): Promise<void> {
    this.pools.set(pool.name, { volumes: new Map(), mounted: new Set(), images: new Set() })
    undo.add('remove the pool', () => this.pools.delete(pool.name))
    this.#mayFail('createPool')
  }

  async deletePool(pool: Pool): Promise<void> {
    this.#mayFail('deletePool')
    this.pools.delete(pool.name)
  }

  async mountPool(pool: Pool, known: KnownContent): Promise<void> {
    this.#mayFail('mountPool')
    this.known.set(pool.name, known)
  }

  async settle(): Promise<void> {}

  async unmountPool(): Promise<void> {
    this.#mayFail('unmountPool')
  }

  async usage() {
    return { space: { used: 1, total: 10 }, inodes: { used: 2, total: 20 } }
  }

  async createVolume(pool: Pool, volume: Volume, source: ImageTree | undefined): Promise<void> {
    this.#mayFail('createVolume')
    const { volumes, images } = this.#pool(pool)
    if (volumes.has(nameOnDisk(volume))) throw conflict('It exists already')
    volumes.set(nameOnDisk(volume), source)
    if (source) images.add(source.fingerprint)
  }

  async deleteVolume(pool: Pool, volume: Volume): Promise<void> {
    this.#mayFail('deleteVolume')
    this.#pool(pool).volumes.delete(nameOnDisk(volume))
  }

  async renameVolume(pool: Pool, volume: Volume, name: string): Promise<void> {
    const { volumes } = this.#pool(pool)
    volumes.set(nameOnDisk({ ...volume, name }), volumes.get(nameOnDisk(volume)))
    volumes.delete(nameOnDisk(volume))
  }

  async mountVolume(pool: Pool, volume: Volume) {
    this.#pool(pool).mounted.add(nameOnDisk(volume))
    const path = `${pool.directory}/containers/${nameOnDisk(volume)}/rootfs`
    return { rootfs: `dir:${path}`, path, lxc: [] }
  }

  async unmountVolume(pool: Pool, volume: Volume): Promise<void> {
    this.#pool(pool).mounted.delete(nameOnDisk(volume))
  }

  async volumeUsage(): Promise<number | undefined> {
    return 7
  }

  async mountedVolumes(pool: Pool): Promise<readonly string[]> {
    return [...this.#pool(pool).mounted]
  }

  async images(pool: Pool): Promise<readonly string[]> {
    return [...this.#pool(pool).images]
  }

  async deleteImage(pool: Pool, fingerprint: string): Promise<void> {
    this.#pool(pool).images.delete(fingerprint)
  }

  #pool({ name }: Pool): FakePool {
    const found = this.pools.get(name)
    if (!found) throw new Error(`There is no pool "${name}"`)
    return found
  }

  #mayFail(verb: keyof StorageDriver): void {
    const error = this.failing.get(verb)
    if (error) throw error
  }
}
