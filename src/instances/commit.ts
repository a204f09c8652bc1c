import { isDeepStrictEqual } from 'node:util'
import { parseArchitecture } from '#base/architecture.ts'
import { badRequest, conflict, Failure, forbidden, notFound } from '#base/failure.ts'
import { checkConfig, withoutEmpty } from '#config/config.ts'
import type { Config } from '#config/config.ts'
import { checkDevices, findRootDisk } from '#devices/check.ts'
import type { FindKind } from '#devices/check.ts'
import type { DeviceConfig, DeviceOwner } from '#devices/device.ts'
import type { Policy } from '#projects/policy/policy.ts'
import { instanceRecords } from '#store/instance-record.ts'
import type { DevicesConfig, InstanceRecord } from '#store/instance-record.ts'
import type { Records, Stored } from '#store/records.ts'
import type { Store } from '#store/store.ts'
import { checkFeatures, instanceKeys } from './features/all.ts'
import { checkInstanceName, runtimeName } from './instance-name.ts'
import { isPrivileged } from './is-privileged.ts'

/** An instance with what its profiles add. */
export interface Expanded {
  readonly record: InstanceRecord
  readonly config: Config
  readonly devices: DevicesConfig
}

/** What instances ask of profiles. */
export interface ProfileExpander {
  expand(
    project: string,
    profiles: readonly string[],
    own: { readonly config: Config; readonly devices: DevicesConfig },
  ): { readonly config: Config; readonly devices: DevicesConfig }
  /** Throws a Failure that names the first profile that is not there. */
  check(project: string, names: readonly string[]): void
}

export interface InstanceCommitOptions {
  readonly store: Store
  readonly policy: Pick<Policy, 'check' | 'commit'>
  readonly profiles: ProfileExpander
  readonly findKind: FindKind
  /** Whether this server has privileged containers at all. */
  readonly allowsPrivileged: () => boolean
}

/**
 * The records of instances, and the one way to write them: the final object is built, expanded, checked as a whole
 * and only then written, whatever the verb it comes from.
 */
export class InstanceCommit {
  readonly #store: Store
  readonly #records: Records<InstanceRecord>
  readonly #policy: InstanceCommitOptions['policy']
  readonly #profiles: ProfileExpander
  readonly #findKind: FindKind
  readonly #allowsPrivileged: () => boolean

  constructor(options: InstanceCommitOptions) {
    this.#store = options.store
    this.#records = instanceRecords(options.store)
    this.#policy = options.policy
    this.#profiles = options.profiles
    this.#findKind = options.findKind
    this.#allowsPrivileged = options.allowsPrivileged
  }

  /** The record as it is now; throws a not-found Failure where there is none, or one only half made. */
  get(project: string, name: string): Stored<InstanceRecord> {
    const stored = this.#records.get(project, name)
    if (!stored || stored.value.phase !== 'ready') throw notFound('Instance not found')
    return stored
  }

  has(project: string, name: string): boolean {
    return this.#records.get(project, name) !== undefined
  }

  /** The instances of a project, or of all, ordered by project and name. */
  list(project?: string): InstanceRecord[] {
    return this.listAll(project).filter(({ phase }) => phase === 'ready')
  }

  /** Those that are half made as well. */
  listAll(project?: string): InstanceRecord[] {
    const found = project === undefined ? this.#records.list() : this.#records.list(project)
    return found.map(({ value }) => value)
  }

  expand(record: InstanceRecord): Expanded {
    const { config, devices } = this.#profiles.expand(record.project, record.profiles, record)
    return { record, config, devices }
  }

  /**
   * Checks and writes what a user asked for, and returns it as written. `before` is what it takes the place of,
   * undefined for a new instance; where that has changed meanwhile, a conflict Failure is thrown.
   */
  async write(proposed: InstanceRecord, before: Stored<InstanceRecord> | undefined): Promise<Stored<InstanceRecord>> {
    const record = this.precheck(proposed, before ? 'update' : 'creation')
    return await this.#put(record, before?.revision ?? 0, (changes, compare) =>
      this.#policy.commit({ instance: record }, changes, compare),
    )
  }

  /** Builds and checks the final object as {@link write} does, and writes nothing. */
  precheck(proposed: InstanceRecord, verb: 'creation' | 'update'): InstanceRecord {
    this.#profiles.check(proposed.project, proposed.profiles)
    const record = this.#complete(proposed)
    checkConfig('instance', instanceKeys, record.config)
    try {
      // Before devices look at the host: what may not be used is not told of, either.
      this.#policy.check({ instance: record })
    } catch (cause) {
      if (!(cause instanceof Failure) || cause.kind !== 'forbidden') throw cause
      throw forbidden(`Failed checking if instance ${verb} allowed`, { cause })
    }
    this.check(this.expand(record))
    return record
  }

  /** Writes notes of the daemon's own: `volatile.*` keys (an empty value drops one), phase, times. */
  async note(
    project: string,
    name: string,
    notes: { readonly volatile?: Config } & Partial<Pick<InstanceRecord, 'phase' | 'lastUsedAt' | 'pool'>>,
  ): Promise<Stored<InstanceRecord>> {
    const { volatile = {}, ...fields } = notes
    // No policy is asked here, so nothing else may come this way.
    const foreign = Object.keys(volatile).find((key) => !key.startsWith('volatile.'))
    if (foreign !== undefined) throw new Error(`Cannot note "${foreign}": expected a volatile key`)
    const before = this.#records.get(project, name)
    if (!before) throw notFound('Instance not found')
    const config = withoutEmpty({ ...before.value.config, ...volatile })
    return await this.#put({ ...before.value, ...fields, config }, before.revision)
  }

  /** Makes the volatile keys of devices that a profile has brought since the instance was last written. */
  async complete(project: string, name: string): Promise<Stored<InstanceRecord>> {
    const before = this.get(project, name)
    const record = this.#complete(before.value)
    if (isDeepStrictEqual(record, before.value)) return before
    return await this.#put(record, before.revision)
  }

  /** Moves a record to another name, in one write. */
  async rename(before: Stored<InstanceRecord>, name: string): Promise<void> {
    checkInstanceName(name)
    const { project, name: old } = before.value
    if (this.has(project, name)) throw conflict(`Instance "${name}" already exists`)
    const instance = { ...before.value, name }
    await this.#policy.commit(
      { instance, formerly: old },
      [this.#records.delete(project, old), this.#records.put(instance, project, name)],
      [this.#records.expect(before.revision, project, old), this.#records.expect(0, project, name)],
    )
  }

  async remove(project: string, name: string): Promise<void> {
    await this.#store.commit([this.#records.delete(project, name)])
  }

  /** The `volatile.DEVICE.*` keys of a device, without that prefix. */
  static deviceVolatile(record: Pick<InstanceRecord, 'config'>, device: string): Config {
    const prefix = `volatile.${device}.`
    const own = Object.entries(record.config).filter(
      ([key]) => key.startsWith(prefix) && !Object.hasOwn(instanceKeys, key),
    )
    return Object.fromEntries(own.map(([key, value]) => [key.slice(prefix.length), value]))
  }

  async #put(
    record: InstanceRecord,
    revision: number,
    commit: Store['commit'] = (changes, compare) => this.#store.commit(changes, compare),
  ): Promise<Stored<InstanceRecord>> {
    const { project, name } = record
    try {
      const written = await commit(
        [this.#records.put(record, project, name)],
        [this.#records.expect(revision, project, name)],
      )
      return { value: record, revision: written }
    } catch (cause) {
      if (revision === 0 && this.has(project, name)) throw conflict(`Instance "${name}" already exists`)
      throw cause
    }
  }

  /** Names in the kernel's form, empty values dropped, the devices' volatile keys made, those of gone devices dropped. */
  #complete(proposed: InstanceRecord): InstanceRecord {
    const config = withoutEmpty(proposed.config)
    const { devices } = this.expand({ ...proposed, config })
    for (const key of Object.keys(config)) {
      const device = /^volatile\.(.+?)\./.exec(key)?.[1]
      const known = device === undefined || Object.hasOwn(instanceKeys, key) || belongsTo(key, devices)
      if (!known) delete config[key]
    }
    for (const [device, of] of Object.entries(devices)) {
      const kind = this.#findKind(of)
      const volatile = InstanceCommit.deviceVolatile({ config }, device)
      const made = kind.volatile?.({ device, config: of, volatile, devices, instanceConfig: config }) ?? {}
      for (const [key, value] of Object.entries(made)) config[`volatile.${device}.${key}`] = value
    }
    return { ...proposed, architecture: parseArchitecture(proposed.architecture), config: withoutEmpty(config) }
  }

  /** Throws a forbidden Failure for a privileged container where the server has none. */
  checkPrivileged(config: Config): void {
    if (isPrivileged(config) && !this.#allowsPrivileged()) {
      throw forbidden('Privileged containers are forbidden on this server ("instances.privileged")')
    }
  }

  /** Throws a bad-request Failure for an instance that can not be what its expanded configuration says. */
  check(expanded: Expanded): void {
    const { record, config, devices } = expanded
    checkInstanceName(record.name)
    checkConfig('instance', instanceKeys, record.config)
    checkFeatures(config)
    this.checkPrivileged(config)
    checkDevices(this.#findKind, devices, { owner: ownerOf(expanded), inProfile: false })
    const root = findRootDisk(devices)
    if (!root) throw badRequest('Invalid devices: no root device could be found (a disk with the path "/")')
    if (record.pool !== '' && root.pool !== record.pool) {
      throw badRequest(
        `Invalid device "${root.name}" configuration: "pool": the root disk is in "${record.pool}" and can not be changed`,
      )
    }
  }
}

function belongsTo(key: string, devices: DevicesConfig): boolean {
  return Object.keys(devices).some((device) => key.startsWith(`volatile.${device}.`))
}

/** The instance as its devices see it. */
export function ownerOf({ record, config, devices }: Expanded): DeviceOwner {
  return {
    project: record.project,
    name: record.name,
    runtimeName: runtimeName(record.project, record.name),
    privileged: isPrivileged(config),
    devices: devices as Readonly<Record<string, DeviceConfig>>,
  }
}
