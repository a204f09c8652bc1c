import { join } from 'node:path'
import { Failure, badRequest, explain, notFound, unavailable } from '#base/failure.ts'
import type { IdMap } from '#base/idmap.ts'
import { Locks } from '#base/locks.ts'
import type { Log } from '#base/log.ts'
import type { Work } from '#base/progress.ts'
import { Undo } from '#base/undo.ts'
import { withoutEmpty } from '#config/config.ts'
import type { Config } from '#config/config.ts'
import type { Keys } from '#config/key.ts'
import type { Events, Requestor } from '#events/events.ts'
import { imageRecords } from '#store/image-record.ts'
import type { ImageRecord } from '#store/image-record.ts'
import { instanceRecords } from '#store/instance-record.ts'
import type { InstanceRecord } from '#store/instance-record.ts'
import { poolRecords } from '#store/pool-record.ts'
import type { PoolRecord } from '#store/pool-record.ts'
import { profileRecords } from '#store/profile-record.ts'
import type { Stored } from '#store/records.ts'
import type { Store } from '#store/store.ts'
import type { Warnings } from '#warnings/warnings.ts'
import { nameOnDisk } from './driver.ts'
import type { ImageTree, KnownContent, Mounted, Pool, PoolUsage, StorageDriver, Volume } from './driver.ts'
import { isOutOfSpace } from './no-space.ts'
import { checkPoolConfig, checkPoolName } from './pool-config.ts'
import { VolumeLinks } from './volume-links.ts'

/** What a client may say of a pool. */
export interface PoolInput {
  readonly description: string
  readonly config: Config
}

/** An instance as pools see it: its volume has its name. */
export type VolumeOwner = Pick<InstanceRecord, 'project' | 'name' | 'pool'>

export interface PoolsOptions {
  readonly store: Store
  readonly events: Events
  readonly drivers: readonly StorageDriver[]
  /** LXD_DIR. */
  readonly directory: string
  readonly log: Log
  readonly warnings?: Pick<Warnings, 'raise'>
  /** What is unpacked of an image. */
  readonly imageTree: (image: ImageRecord) => ImageTree
}

/** The storage pools, and the volumes of instances in them. */
export class Pools {
  readonly #options: PoolsOptions
  readonly #records
  readonly #locks = new Locks()
  readonly #links: VolumeLinks
  /** Pools that can be used; the others of the store could not be mounted. */
  readonly #mounted = new Set<string>()

  constructor(options: PoolsOptions) {
    this.#options = options
    this.#records = poolRecords(options.store)
    this.#links = new VolumeLinks(join(options.directory, 'containers'))
  }

  // --- the life of the daemon ---

  /**
   * Makes all pools usable at the start of the daemon, and removes what a crash left half made. A pool that can not
   * be mounted is tried again when it is needed.
   */
  async start(): Promise<void> {
    for (const stored of this.#records.list()) {
      const { name, phase } = stored.value
      try {
        if (phase === 'ready') await this.#mount(stored.value)
        else await this.#discard(stored.value)
      } catch (error) {
        this.#options.log.warn(`Cannot ${phase === 'ready' ? 'mount' : 'remove'} a storage pool`, {
          pool: name,
          error: explain(error),
        })
        const entity = `/1.0/storage-pools/${encodeURIComponent(name)}`
        this.#options.warnings?.raise({ type: 'Storage pool unavailable', entity, message: explain(error) })
      }
    }
    const links = this.#instances().map((one) => [nameOnDisk(one), this.#volumeDirectory(one)] as const)
    await this.#links.setAll(new Map(links))
  }

  /** Unmounts what instances that do not run left mounted. `running` are their names on disk. */
  async reconcile(running: ReadonlySet<string>): Promise<void> {
    for (const { driver, pool } of this.#usable()) {
      for (const name of await driver.mountedVolumes(pool)) {
        if (!running.has(name)) await driver.unmountVolume(pool, volumeOnDisk(name))
      }
    }
  }

  /** Waits until what was deleted is gone from the disks. Instances may run on. */
  async settle(): Promise<void> {
    await Promise.all(this.#usable().map(({ driver, pool }) => driver.settle(pool)))
  }

  /** Lets go of all pools, when no instance runs any more; to be called after {@link settle}. */
  async unmountAll(): Promise<void> {
    for (const { driver, pool } of this.#usable()) {
      await driver.unmountPool(pool)
      this.#mounted.delete(pool.name)
    }
  }

  // --- pools ---

  list(): readonly PoolRecord[] {
    return this.#records
      .list()
      .map(({ value }) => value)
      .filter(({ phase }) => phase === 'ready')
  }

  get(name: string): PoolRecord {
    return this.#get(name).value
  }

  /** Throws a not-found Failure where there is no such pool. */
  checkPool(name: string): void {
    this.#get(name)
  }

  isAvailable(name: string): boolean {
    return this.#mounted.has(name)
  }

  /** The keys that volumes of the pool can have, or undefined where there is no such pool. */
  volumeKeys(name: string): Keys | undefined {
    const record = this.#records.get(name)?.value
    return record && this.#driver(record.driver).volumeKeys
  }

  /** URLs of what uses a pool: instances, profiles with a disk in it, images it has unpacked. */
  async usedBy(name: string): Promise<string[]> {
    const images = this.isAvailable(name) ? await this.#images(name) : []
    return [...this.#users(name), ...images.map((image) => `/1.0/images/${image}`)].toSorted()
  }

  async create(
    input: PoolInput & { readonly name: string; readonly driver: string },
    requestor?: Requestor,
  ): Promise<void> {
    checkPoolName(input.name)
    if (input.driver === '') throw badRequest('No driver provided')
    const driver = this.#driver(input.driver)
    using _ = await this.#locks.take(input.name)
    if (this.#records.get(input.name)) throw new Failure('conflict', 'The storage pool already exists')
    const config = withoutEmpty(input.config)
    checkPoolConfig(driver, config)
    if ((await driver.version()) === undefined)
      throw badRequest(
        `Cannot create storage pool "${input.name}": this host can not serve the driver "${driver.name}"`,
      )

    const source = config['source'] ?? this.#directory(input.name)
    const record = { ...input, config: { ...config, source }, phase: 'creating' } as const
    await driver.checkNewPool(this.#pool(record))
    const revision = await this.#write(record, 0)
    await using undo = this.#undo()
    undo.add('forget the pool', () => this.#options.store.commit([this.#records.delete(record.name)]))
    await driver.createPool(this.#pool(record), undo)
    await this.#mount(record)
    undo.add('forget the mount', () => this.#mounted.delete(record.name))
    await this.#write({ ...record, phase: 'ready' }, revision)
    undo.keep()
    this.#tell('storage-pool-created', record.name, requestor)
  }

  /** Replaces what a client may say of a pool. */
  async update(name: string, input: PoolInput, requestor?: Requestor): Promise<void> {
    using _ = await this.#locks.take(name)
    const { value, revision } = this.#get(name)
    const config = withoutEmpty(input.config)
    checkPoolConfig(this.#driver(value.driver), config, value.config)
    await this.#write({ ...value, description: input.description, config }, revision)
    this.#tell('storage-pool-updated', name, requestor)
  }

  async delete(name: string, requestor?: Requestor): Promise<void> {
    using _ = await this.#locks.take(name)
    const { value, revision } = this.#get(name)
    if (this.#users(name).length > 0) throw badRequest('The storage pool is currently in use')
    await this.#write({ ...value, phase: 'deleting' }, revision)
    await this.#discard(value)
    this.#tell('storage-pool-deleted', name, requestor)
  }

  async resources(name: string): Promise<PoolUsage> {
    const { driver, pool } = await this.#use(name)
    return await driver.usage(pool)
  }

  // --- volumes of instances ---

  /** Makes the root volume of an instance from an image, or empty. Leaves nothing where it fails. */
  async createInstanceVolume(
    owner: VolumeOwner,
    tree: ImageTree | undefined,
    work: Work & { readonly undo: Undo },
  ): Promise<void> {
    const { driver, pool } = await this.#use(owner.pool)
    try {
      await driver.createVolume(pool, volumeOf(owner), tree, work)
      work.undo.add(`delete volume "${owner.name}"`, () => this.deleteInstanceVolume(owner))
      await this.#links.set(nameOnDisk(owner), this.#volumeDirectory(owner))
    } catch (cause) {
      if (!isOutOfSpace(cause)) throw cause
      // Whoever is told that the disk is full shall find what this took given back.
      await driver.settle(pool)
      throw new Failure('internal', `No space is left in storage pool "${owner.pool}"`, { cause })
    }
  }

  /** No failure if there is no volume, or no such pool any more. */
  async deleteInstanceVolume(owner: VolumeOwner): Promise<void> {
    await this.#links.remove(nameOnDisk(owner))
    if (!this.#records.get(owner.pool)) return
    const { driver, pool } = await this.#use(owner.pool)
    await driver.deleteVolume(pool, volumeOf(owner))
  }

  async renameInstanceVolume(owner: VolumeOwner, name: string): Promise<void> {
    const { driver, pool } = await this.#use(owner.pool)
    await driver.renameVolume(pool, volumeOf(owner), name)
    await this.#links.remove(nameOnDisk(owner))
    await this.#links.set(nameOnDisk({ ...owner, name }), this.#volumeDirectory({ ...owner, name }))
  }

  /** Makes an instance's root ready to run with the map. */
  async mountInstance(owner: VolumeOwner, map: IdMap): Promise<Mounted> {
    const { driver, pool } = await this.#use(owner.pool)
    return await driver.mountVolume(pool, volumeOf(owner), map)
  }

  /** No failure if it is not mounted. */
  async unmountInstance(owner: VolumeOwner): Promise<void> {
    if (!this.isAvailable(owner.pool)) return
    const { driver, pool } = await this.#use(owner.pool)
    await driver.unmountVolume(pool, volumeOf(owner))
  }

  /** Bytes an instance's root holds, or undefined where that can not be told cheaply. */
  async instanceUsage(owner: VolumeOwner): Promise<number | undefined> {
    const { driver, pool } = await this.#use(owner.pool)
    return await driver.volumeUsage(pool, volumeOf(owner))
  }

  /** The instances of a project whose root is in a pool. */
  instancesIn(pool: string, project: string): readonly InstanceRecord[] {
    this.#get(pool)
    return this.#instances()
      .filter((one) => one.pool === pool && one.project === project && one.phase === 'ready')
      .toSorted((a, b) => (a.name < b.name ? -1 : 1))
  }

  /** The images a pool has unpacked, by fingerprint. */
  async imagesIn(pool: string): Promise<readonly string[]> {
    const { driver, pool: where } = await this.#use(pool)
    return (await driver.images(where)).toSorted()
  }

  /** Drops what pools keep of an image, unless a project still has it. */
  async deleteImage(fingerprint: string): Promise<void> {
    if (this.#imageRecords().some((image) => image.fingerprint === fingerprint)) return
    for (const { driver, pool } of this.#usable()) await driver.deleteImage(pool, fingerprint)
  }

  // --- inside ---

  #get(name: string): Stored<PoolRecord> {
    const stored = this.#records.get(name)
    if (stored?.value.phase !== 'ready') throw notFound('Storage pool not found')
    return stored
  }

  #driver(name: string): StorageDriver {
    const { drivers } = this.#options
    const found = drivers.find((driver) => driver.name === name)
    if (found) return found
    const known = drivers.map((driver) => driver.name).join(', ')
    throw badRequest(`Unknown storage driver "${name}": expected one of ${known}`)
  }

  #directory(name: string): string {
    return join(this.#options.directory, 'storage-pools', name)
  }

  #pool({ name, config }: Pick<PoolRecord, 'name' | 'config'>): Pool {
    return { name, config, directory: this.#directory(name) }
  }

  #volumeDirectory(owner: VolumeOwner): string {
    return join(this.#directory(owner.pool), 'containers', nameOnDisk(owner))
  }

  #usable(): { readonly driver: StorageDriver; readonly pool: Pool }[] {
    const usable = this.list().filter(({ name }) => this.#mounted.has(name))
    return usable.map((record) => ({ driver: this.#driver(record.driver), pool: this.#pool(record) }))
  }

  /** A pool about to be used; one that could not be mounted before is tried again. */
  async #use(name: string): Promise<{ readonly driver: StorageDriver; readonly pool: Pool }> {
    const { value } = this.#get(name)
    if (!this.#mounted.has(name)) {
      using _ = await this.#locks.take(name)
      if (!this.#mounted.has(name)) await this.#mount(value)
    }
    return { driver: this.#driver(value.driver), pool: this.#pool(value) }
  }

  async #mount(record: PoolRecord): Promise<void> {
    try {
      await this.#driver(record.driver).mountPool(this.#pool(record), this.#known(record.name))
    } catch (cause) {
      throw unavailable(`Storage pool "${record.name}" is not available`, { cause })
    }
    this.#mounted.add(record.name)
  }

  /** Ends the deletion of a pool, or takes back its creation. */
  async #discard(record: PoolRecord): Promise<void> {
    this.#mounted.delete(record.name)
    await this.#driver(record.driver).deletePool(this.#pool(record))
    await this.#options.store.commit([this.#records.delete(record.name)])
  }

  #known(pool: string): KnownContent {
    return {
      volumes: new Set(this.#instances().flatMap((one) => (one.pool === pool ? [nameOnDisk(one)] : []))),
      images: new Map(this.#imageRecords().map((one) => [one.fingerprint, this.#options.imageTree(one)])),
    }
  }

  #instances(): InstanceRecord[] {
    return instanceRecords(this.#options.store)
      .list()
      .map(({ value }) => value)
      .filter(({ pool }) => pool !== '')
  }

  #imageRecords() {
    return imageRecords(this.#options.store)
      .list()
      .map(({ value }) => value)
  }

  /** Who keeps a pool from being deleted. */
  #users(pool: string): string[] {
    const url = (kind: string, { name, project }: { readonly name: string; readonly project: string }) =>
      `/1.0/${kind}/${encodeURIComponent(name)}${project === 'default' ? '' : `?project=${encodeURIComponent(project)}`}`
    const profiles = profileRecords(this.#options.store)
      .list()
      .map(({ value }) => value)
      .filter(({ devices }) => Object.values(devices).some((one) => one['type'] === 'disk' && one['pool'] === pool))
    const instances = this.#instances().filter((one) => one.pool === pool)
    return [...instances.map((one) => url('instances', one)), ...profiles.map((one) => url('profiles', one))]
  }

  async #images(name: string): Promise<readonly string[]> {
    const known = new Set(this.#imageRecords().map(({ fingerprint }) => fingerprint))
    return (await this.imagesIn(name)).filter((image) => known.has(image))
  }

  /** The one way a pool is written. */
  async #write(record: PoolRecord, revision: number): Promise<number> {
    const { name, driver, description, config, phase } = record
    return await this.#options.store.commit(
      [this.#records.put({ name, driver, description, config, phase }, name)],
      [this.#records.expect(revision, name)],
    )
  }

  #undo(): Undo {
    return new Undo((what, error) => this.#options.log.error(`Cannot ${what}`, { error: explain(error) }))
  }

  #tell(action: string, name: string, requestor?: Requestor): void {
    const source = `/1.0/storage-pools/${encodeURIComponent(name)}`
    // Pools belong to no project; LXD tells of them in this one.
    this.#options.events.lifecycle({ action, source, project: 'default', requestor })
  }
}

function volumeOf({ project, name }: Pick<VolumeOwner, 'project' | 'name'>): Volume {
  return { project, name, type: 'container' }
}

/** Neither projects nor instances have an underscore in their names. */
function volumeOnDisk(name: string): Volume {
  const [last = '', project = 'default'] = name.split('_').reverse()
  return volumeOf({ project, name: last })
}
