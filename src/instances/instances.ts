import { badRequest, conflict, explain, forbidden, notImplemented } from '#base/failure.ts'
import { newUuid } from '#base/id.ts'
import type { Locks } from '#base/locks.ts'
import type { Log } from '#base/log.ts'
import type { Undo } from '#base/undo.ts'
import type { Work } from '#base/progress.ts'
import { findRootDisk } from '#devices/check.ts'
import type { Events, Requestor } from '#events/events.ts'
import type { Runtime } from '#lxc/runtime.ts'
import type { ImageTree } from '#storage/driver.ts'
import type { DevicesConfig, InstanceRecord } from '#store/instance-record.ts'
import type { Stored } from '#store/records.ts'
import type { Expanded, InstanceCommit } from './commit.ts'
import type { DeviceSet } from './device-set.ts'
import { checkInstanceName, newInstanceName, runtimeName } from './instance-name.ts'
import { isPrivileged } from './is-privileged.ts'
import { instanceUrl } from './lifecycle.ts'
import type { Lifecycle, OpenFiles } from './lifecycle.ts'
import type { LiveUpdate } from './live-update.ts'

/** What instances ask of storage pools, beyond mounting. */
export interface InstanceVolumes {
  createInstanceVolume(
    instance: { readonly project: string; readonly name: string; readonly pool: string },
    tree: ImageTree | undefined,
    work: Work & { readonly undo: Undo },
  ): Promise<void>
  deleteInstanceVolume(instance: {
    readonly project: string
    readonly name: string
    readonly pool: string
  }): Promise<void>
  renameInstanceVolume(
    instance: { readonly project: string; readonly name: string; readonly pool: string },
    name: string,
  ): Promise<void>
  /** Throws a not-found Failure where there is no such pool. */
  checkPool(name: string): void
}

/** An image an instance is made from. */
export interface SourceImage {
  readonly fingerprint: string
  readonly architecture: string
  readonly properties: Readonly<Record<string, string>>
  readonly profiles: readonly string[]
  readonly tree: ImageTree
}

/** A new instance, as its creator asked for it. */
export interface NewInstance {
  readonly project: string
  /** Empty to have one made up. */
  readonly name: string
  readonly type: string
  readonly architecture: string
  readonly description: string
  readonly config: Readonly<Record<string, string>>
  readonly devices: DevicesConfig
  /** Undefined for the image's profiles, or "default". */
  readonly profiles: readonly string[] | undefined
  readonly ephemeral: boolean
  readonly stateful: boolean
  /** Undefined for an empty root. */
  readonly image: SourceImage | undefined
}

/** What a user may change of an instance. */
export type InstanceChange = Pick<
  InstanceRecord,
  'architecture' | 'config' | 'devices' | 'ephemeral' | 'profiles' | 'description'
>

export interface InstancesOptions {
  readonly commit: InstanceCommit
  readonly lifecycle: Lifecycle
  readonly liveUpdate: LiveUpdate
  readonly devices: DeviceSet
  readonly files: OpenFiles
  readonly volumes: InstanceVolumes
  readonly runtime: Runtime
  readonly events: Events
  readonly locks: Locks
  readonly log: Log
  /** The kernel's name of this host's architecture. */
  readonly architecture: string
  /** Whether new containers are to have ids of their own where nobody says otherwise. */
  readonly isolateNew: () => boolean
  /** Removes the log files of an instance, or moves them where it has a new name. */
  readonly moveLogs: (name: string, to: string | undefined) => Promise<void>
}

/** Making, changing, renaming and deleting instances. */
export class Instances {
  readonly #options: InstancesOptions
  /** Half-made instances that could not be taken away; tried again before the next is made. */
  readonly #leftovers = new Map<string, InstanceRecord>()

  constructor(options: InstancesOptions) {
    this.#options = options
  }

  get(project: string, name: string): Stored<InstanceRecord> {
    return this.#options.commit.get(project, name)
  }

  list(project?: string): InstanceRecord[] {
    return this.#options.commit.list(project)
  }

  expand(record: InstanceRecord): Expanded {
    return this.#options.commit.expand(record)
  }

  /** Throws what can be told to be wrong with a new instance before its image is here. Gives its name. */
  precheck(wanted: Omit<NewInstance, 'image'>): string {
    const { commit } = this.#options
    const proposed = this.#propose({ ...wanted, image: undefined })
    const { project, name } = proposed
    if (commit.has(project, name)) throw conflict(`Instance "${name}" already exists`)
    commit.precheck(proposed, 'creation')
    return name
  }

  /**
   * Checks and reserves a new instance, and returns how to make it. What is wrong with the request is thrown here;
   * the work that follows undoes all of it where it fails.
   */
  async create(wanted: NewInstance): Promise<{
    readonly name: string
    readonly make: (work: Work & { readonly undo: Undo }, requestor?: Requestor) => Promise<void>
  }> {
    const { commit, volumes, events } = this.#options
    await this.#sweepLeftovers()
    const proposed = this.#propose(wanted)
    const { project, name } = proposed
    const reserved = await commit.write(proposed, undefined)

    const make = async (work: Work & { readonly undo: Undo }, requestor?: Requestor) => {
      const instance = { project, name, pool: reserved.value.pool }
      work.undo.add('forget the instance', () => this.#finishing(reserved.value, () => commit.remove(project, name)))
      using _ = await this.#options.locks.take(runtimeName(project, name))
      await volumes.createInstanceVolume(instance, wanted.image?.tree, work)
      work.undo.add('delete the root volume', () => volumes.deleteInstanceVolume(instance))
      work.signal?.throwIfAborted()
      await commit.note(project, name, { phase: 'ready' })
      events.lifecycle({
        action: 'instance-created',
        source: instanceUrl(project, name),
        project,
        context: { type: 'container', 'storage-pool': instance.pool, location: 'none' },
        requestor,
      })
    }
    return { name, make }
  }

  /** A new instance as it would be written, in the pool of its root disk. */
  #propose(wanted: NewInstance): InstanceRecord {
    const { commit, volumes } = this.#options
    if (wanted.type !== '' && wanted.type !== 'container')
      throw badRequest(`Invalid "type" "${wanted.type}": expected container`)
    const name = wanted.name || newInstanceName((taken) => commit.has(wanted.project, taken))
    checkInstanceName(name)
    const proposed = this.#isolated(this.#newRecord(wanted, name))
    const pool = findRootDisk(commit.expand(proposed).devices)?.pool
    if (pool !== undefined) volumes.checkPool(pool)
    return { ...proposed, pool: pool ?? '' }
  }

  #isolated(record: InstanceRecord): InstanceRecord {
    const { config } = this.#options.commit.expand(record)
    if (config['security.idmap.isolated'] || isPrivileged(config)) return record
    if (!this.#options.isolateNew()) return record
    return { ...record, config: { ...record.config, 'security.idmap.isolated': 'true' } }
  }

  #newRecord(wanted: NewInstance, name: string): InstanceRecord {
    const { image } = wanted
    const ofImage = Object.entries(image?.properties ?? {}).map(([key, value]) => [`image.${key}`, value] as const)
    // What another instance's configuration says of its own state is not true of this one.
    const asked = withoutDaemonNotes(wanted.config)
    return {
      project: wanted.project,
      name,
      type: 'container',
      architecture: wanted.architecture || image?.architecture || this.#options.architecture,
      description: wanted.description,
      config: {
        ...Object.fromEntries(ofImage),
        ...asked,
        ...(image ? { 'volatile.base_image': image.fingerprint } : {}),
        'volatile.apply_template': 'create',
        'volatile.cloud-init.instance-id': newUuid(),
        'volatile.uuid': newUuid(),
      },
      devices: wanted.devices,
      profiles: wanted.profiles ?? image?.profiles ?? ['default'],
      ephemeral: wanted.ephemeral,
      stateful: wanted.stateful,
      pool: '',
      createdAt: new Date().toISOString(),
      lastUsedAt: '1970-01-01T00:00:00Z',
      phase: 'creating',
    }
  }

  /**
   * Changes an instance, also while it runs. What an instance already runs with and what its configuration says are
   * brought together again where the change can not be made.
   */
  async update(
    before: Stored<InstanceRecord>,
    change: InstanceChange,
    work: { readonly undo: Undo },
    requestor?: Requestor,
  ): Promise<void> {
    const { commit, locks, liveUpdate, events } = this.#options
    const { project, name } = before.value
    this.#options.lifecycle.checkNotStopping(project, name)
    using _ = await locks.take(runtimeName(project, name))
    const now = commit.get(project, name)
    const written = await commit.write(changed(before.value, now.value, change), now)
    work.undo.add('put the configuration back', async () => {
      await commit.write(now.value, commit.get(project, name))
    })
    await liveUpdate.apply(commit.expand(now.value), commit.expand(written.value), work.undo)
    events.lifecycle({ action: 'instance-updated', source: instanceUrl(project, name), project, requestor })
  }

  /** Throws what is wrong with a change itself, before any work on it is begun. */
  checkUpdate({ value }: Stored<InstanceRecord>, change: InstanceChange): void {
    this.#options.commit.precheck(changed(value, value, change), 'update')
  }

  /** Throws what {@link rename} would throw at once. */
  checkRename({ project, name }: Pick<InstanceRecord, 'project' | 'name'>, to: string): void {
    checkInstanceName(to)
    if (this.#options.commit.has(project, to)) throw badRequest(`Name "${to}" already in use`)
    if (this.#options.runtime.status(runtimeName(project, name)) !== 'stopped') {
      throw badRequest('Renaming of running container not allowed')
    }
  }

  async rename(
    { project, name }: Pick<InstanceRecord, 'project' | 'name'>,
    to: string,
    work: { readonly undo: Undo },
    requestor?: Requestor,
  ): Promise<void> {
    const { commit, files, locks, volumes, events, moveLogs } = this.#options
    this.checkRename({ project, name }, to)
    // Always in the same order: two renames that cross would wait for each other.
    const [first = '', second = ''] = [runtimeName(project, name), runtimeName(project, to)].toSorted()
    using _first = await locks.take(first)
    using _second = await locks.take(second)
    const stored = commit.get(project, name)
    this.checkRename({ project, name }, to)
    const { pool } = stored.value
    await files.release(project, name)
    await volumes.renameInstanceVolume({ project, name, pool }, to)
    work.undo.add('rename the root volume back', () => volumes.renameInstanceVolume({ project, name: to, pool }, name))
    await commit.rename(stored, to)
    work.undo.add('rename the instance back', () => commit.rename(commit.get(project, to), name))
    await moveLogs(runtimeName(project, name), runtimeName(project, to))
    events.lifecycle({
      action: 'instance-renamed',
      source: instanceUrl(project, to),
      project,
      context: { old_name: name },
      requestor,
    })
  }

  async delete(project: string, name: string, requestor?: Requestor): Promise<void> {
    const { locks, commit, runtime } = this.#options
    using _ = await locks.take(runtimeName(project, name))
    const { value } = commit.get(project, name)
    if (runtime.status(runtimeName(project, name)) !== 'stopped') throw badRequest('Instance is running')
    const { config } = commit.expand(value)
    if (isTrue(config['security.protection.delete'])) {
      throw forbidden('Instance is protected')
    }
    await this.deleteLocked(project, name, requestor)
  }

  /** Deletes an instance that does not run and whose lock is held. */
  async deleteLocked(project: string, name: string, requestor?: Requestor): Promise<void> {
    const { commit, events } = this.#options
    const { value } = await commit.note(project, name, { phase: 'deleting' })
    await this.#finishing(value, () => this.#discard(value))
    events.lifecycle({ action: 'instance-deleted', source: instanceUrl(project, name), project, requestor })
  }

  /** Finishes, at the start of the daemon, what a crash left half made or half deleted. */
  async sweep(): Promise<void> {
    for (const record of this.#options.commit.listAll()) if (record.phase !== 'ready') await this.#sweepOne(record)
  }

  async #sweepLeftovers(): Promise<void> {
    for (const [key, record] of this.#leftovers) {
      using _ = await this.#options.locks.take(key)
      // Another may have done it while this waited.
      if (this.#leftovers.get(key) === record) await this.#sweepOne(record)
    }
  }

  async #sweepOne(record: InstanceRecord): Promise<void> {
    const { runtime, lifecycle, log } = this.#options
    const runtimeAs = runtimeName(record.project, record.name)
    try {
      await runtime.kill(runtimeAs)
      await lifecycle.takeDown(record)
      await this.#finishing(record, () => this.#discard(record))
    } catch (error) {
      log.error('Cannot remove a half-made instance', { instance: record.name, error: explain(error) })
    }
  }

  /** Takes note of an instance that could not be taken away, on a disk that is full say, until that works. */
  async #finishing(record: InstanceRecord, work: () => Promise<void>): Promise<void> {
    const key = runtimeName(record.project, record.name)
    try {
      await work()
      this.#leftovers.delete(key)
    } catch (error) {
      this.#leftovers.set(key, record)
      throw error
    }
  }

  async #discard(record: InstanceRecord): Promise<void> {
    const { commit, devices, files, volumes, moveLogs } = this.#options
    const { project, name, pool } = record
    await files.release(project, name)
    await devices.remove(commit.expand(record))
    if (pool !== '') await volumes.deleteInstanceVolume({ project, name, pool })
    await moveLogs(runtimeName(project, name), undefined)
    await commit.remove(project, name)
  }

  /** Sources that are known but not served. */
  static refuseSource(type: string): never {
    if (type === 'copy' || type === 'migration')
      throw notImplemented(`Cannot create an instance from a source of type "${type}": not implemented`)
    throw badRequest(`Invalid "source.type" "${type}": expected image or none`)
  }
}

/**
 * The record that a change of `before` makes of `now`. The daemon's own notes may have moved on between the two; only
 * what the user sees must not have.
 */
function changed(before: InstanceRecord, now: InstanceRecord, change: InstanceChange): InstanceRecord {
  const config = { ...keptVolatile(before.config, change.config), ...change.config }
  checkImageAndVolatile(before.config, config)
  return { ...now, ...change, config: { ...volatileOf(now.config), ...withoutDaemonNotes(config) } }
}

function isTrue(value: string | undefined): boolean {
  return ['true', '1', 'yes', 'on'].includes((value ?? '').toLowerCase())
}

/** Of its volatile keys a user may set the addresses and names of NICs. All others are the daemon's own notes. */
function isDaemonNote(key: string): boolean {
  return key.startsWith('volatile.') && !/^volatile\.[^.]+\.(hwaddr|name)$/.test(key)
}

function volatileOf(config: Readonly<Record<string, string>>): Record<string, string> {
  return Object.fromEntries(Object.entries(config).filter(([key]) => key.startsWith('volatile.')))
}

/** A PUT that leaves volatile keys out does not mean that they should go. */
function keptVolatile(
  old: Readonly<Record<string, string>>,
  asked: Readonly<Record<string, string>>,
): Record<string, string> {
  return Object.fromEntries(Object.entries(volatileOf(old)).filter(([key]) => !Object.hasOwn(asked, key)))
}

function withoutDaemonNotes(config: Readonly<Record<string, string>>): Record<string, string> {
  return Object.fromEntries(Object.entries(config).filter(([key]) => !isDaemonNote(key)))
}

/** What the daemon notes for itself is not the user's to change: a map written there would be believed. */
function checkImageAndVolatile(old: Readonly<Record<string, string>>, asked: Readonly<Record<string, string>>): void {
  for (const [key, value] of Object.entries(asked)) {
    if (isDaemonNote(key) && value !== (old[key] ?? '')) {
      throw badRequest(`Invalid instance configuration: "${key}" is kept by the daemon and can not be changed`)
    }
  }
}
