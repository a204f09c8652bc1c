import { badRequest, conflict, explain, Failure, forbidden, kindOf, notFound } from '#base/failure.ts'
import type { Log } from '#base/log.ts'
import { Undo } from '#base/undo.ts'
import { checkConfig, withoutEmpty } from '#config/config.ts'
import type { Keys } from '#config/key.ts'
import type { Events, Requestor } from '#events/events.ts'
import type { Policy } from '#projects/policy/policy.ts'
import type { Projects } from '#projects/projects.ts'
import { instanceRecords } from '#store/instance-record.ts'
import type { DevicesConfig, InstanceRecord } from '#store/instance-record.ts'
import { profileRecords } from '#store/profile-record.ts'
import type { ProfileRecord } from '#store/profile-record.ts'
import type { Stored } from '#store/records.ts'
import type { Change, Compare, Store } from '#store/store.ts'
import { expandLayers } from './expand.ts'
import type { Layer } from './expand.ts'

/** What a client may say of a profile. */
export interface ProfileInput {
  readonly description: string
  readonly config: Readonly<Record<string, string>>
  readonly devices: DevicesConfig
}

/** The instances, as far as profiles have to do with them. */
export interface ProfileUsers {
  /** Throws a Failure where the instance can not be what `expanded` says. Must not act. */
  check(instance: InstanceRecord, expanded: Layer): void
  /**
   * Takes a change of a profile over to the instance, if it runs: `change` gives the expanded configuration before and
   * after it, of the instance as it is by then.
   */
  apply(
    instance: Pick<InstanceRecord, 'project' | 'name'>,
    change: (now: InstanceRecord) => { readonly before: Layer; readonly after: Layer },
    undo: Undo,
  ): Promise<void>
  /** The write that makes an instance name these profiles, and what must hold for it. */
  rename(instance: Stored<InstanceRecord>, profiles: readonly string[]): { change: Change; compare: Compare }
}

export interface ProfilesOptions {
  readonly store: Store
  readonly events: Events
  readonly log: Log
  readonly policy: Pick<Policy, 'check' | 'commit'>
  readonly projects: Projects
  /** The keys of instances, which are those of profiles. */
  readonly instanceKeys: Keys
  /** Throws a bad-request Failure for a profile whose devices can not be. */
  readonly checkDevices: (profile: ProfileRecord) => void
}

interface Commit {
  readonly before?: Stored<ProfileRecord>
  readonly after?: ProfileRecord
  readonly action: 'profile-created' | 'profile-updated' | 'profile-renamed' | 'profile-deleted'
  readonly requestor: Requestor | undefined
}

/** The profiles. Where a project has none of its own, those of the project "default" are meant, everywhere. */
export class Profiles {
  readonly #options: ProfilesOptions
  readonly #records
  #users: ProfileUsers | undefined

  constructor(options: ProfilesOptions) {
    this.#options = options
    this.#records = profileRecords(options.store)
  }

  /** Says who is to be asked before a profile changes, and told after. Called once, when the instances are there. */
  setUsers(users: ProfileUsers): void {
    this.#users = users
  }

  list(project: string): readonly ProfileRecord[] {
    return this.#records.list(this.#effective(project)).map(({ value }) => value)
  }

  get(project: string, name: string): ProfileRecord {
    try {
      return this.#get(project, name).value
    } catch (cause) {
      throw new Failure(kindOf(cause), 'Fetch profile', { cause })
    }
  }

  /** The instances that use a profile, of all projects that share it. */
  users(profile: ProfileRecord): readonly Stored<InstanceRecord>[] {
    const { store, projects } = this.#options
    const sharing = projects.list().filter(({ name }) => projects.effective(name, 'profiles') === profile.project)
    return sharing
      .flatMap(({ name }) => instanceRecords(store).list(name))
      .filter(({ value }) => value.profiles.includes(profile.name))
  }

  /** Throws a not-found Failure that names the first of these profiles that is not there. */
  check(project: string, names: readonly string[]): void {
    const effective = this.#effective(project)
    for (const name of names) {
      if (!this.#records.get(effective, name)) throw notFound(`Requested profile "${name}" doesn't exist`)
    }
  }

  /**
   * The configuration and devices an instance has in all: its profiles in their order, its own on top. A profile that
   * is gone counts for nothing. With `changed`, that profile counts as if it were so already.
   */
  expand(project: string, profiles: readonly string[], own: Layer, changed?: ProfileRecord): Layer {
    const effective = this.#effective(project)
    const layers = profiles.map((name) =>
      changed?.name === name && changed.project === effective ? changed : this.#records.get(effective, name)?.value,
    )
    return expandLayers([...layers.filter((layer) => layer !== undefined), own])
  }

  async create(project: string, input: ProfileInput & { readonly name: string }, requestor?: Requestor): Promise<void> {
    checkName(input.name)
    const effective = this.#effective(project)
    if (this.#records.get(effective, input.name)) throw conflict(`The profile "${input.name}" already exists`)
    await this.#commit({ after: { project: effective, ...input }, action: 'profile-created', requestor })
  }

  /** Replaces what a client may say of a profile, and takes it over to the running instances that use it. */
  async update(
    project: string,
    name: string,
    change: { input: ProfileInput; requestor?: Requestor | undefined },
  ): Promise<void> {
    const before = this.#get(project, name)
    const after = { ...change.input, project: before.value.project, name }
    await this.#commit({ before, after, action: 'profile-updated', requestor: change.requestor })
  }

  async rename(
    project: string,
    name: string,
    change: { to: string; requestor?: Requestor | undefined },
  ): Promise<void> {
    if (name === 'default') throw forbidden('The "default" profile cannot be renamed')
    const before = this.#get(project, name)
    checkName(change.to)
    const taken = this.#records.get(before.value.project, change.to)
    if (taken) throw conflict(`Name "${change.to}" already in use`)
    const after = { ...before.value, name: change.to }
    await this.#commit({ before, after, action: 'profile-renamed', requestor: change.requestor })
  }

  async delete(project: string, name: string, requestor?: Requestor): Promise<void> {
    if (name === 'default') throw forbidden('The "default" profile cannot be deleted')
    const before = this.#get(project, name)
    if (this.users(before.value).length > 0) throw conflict('Profile is currently in use')
    await this.#commit({ before, action: 'profile-deleted', requestor })
  }

  #effective(project: string): string {
    return this.#options.projects.effective(project, 'profiles')
  }

  #get(project: string, name: string): Stored<ProfileRecord> {
    const found = this.#records.get(this.#effective(project), name)
    if (!found) throw notFound('Profile not found')
    return found
  }

  /** The one way a profile is written. */
  async #commit({ before, after: wanted, action, requestor }: Commit): Promise<void> {
    const { store, events, policy } = this.#options
    const old = before?.value
    const after = wanted && {
      ...wanted,
      config: withoutEmpty(wanted.config),
      devices: Object.fromEntries(Object.entries(wanted.devices).map(([name, keys]) => [name, withoutEmpty(keys)])),
    }
    if (after) {
      this.#validate(after)
      // Before devices of instances look at the host: what may not be used is not told of, either.
      this.#checkPolicy(after, old ? 'update' : 'creation')
    }
    const users = old ? this.users(old) : []
    const renamed = old && after && old.name !== after.name
    if (after && !renamed) this.#checkUsers(users, after)

    const project = after?.project ?? old?.project ?? ''
    const names = renamed ? users.map((user) => this.#renameIn(user, old.name, after.name)) : []
    const changes = [
      ...(old && old.name !== after?.name ? [this.#records.delete(project, old.name)] : []),
      ...(after ? [this.#records.put(after, project, after.name)] : []),
      ...names.map(({ change }) => change),
    ]
    const compare = [
      ...(before ? [this.#records.expect(before.revision, project, before.value.name)] : []),
      ...(after && old?.name !== after.name ? [this.#records.expect(0, project, after.name)] : []),
      ...names.map(({ compare: one }) => one),
    ]
    if (after) await policy.commit({ profile: after }, changes, compare)
    else await store.commit(changes, compare)
    if (old && after && !renamed) await this.#apply(users, old, after)

    const name = after?.name ?? old?.name ?? ''
    const context = renamed ? { context: { old_name: old.name } } : {}
    events.lifecycle({ action, source: `/1.0/profiles/${encodeURIComponent(name)}`, project, ...context, requestor })
  }

  #checkPolicy(profile: ProfileRecord, verb: 'creation' | 'update'): void {
    try {
      this.#options.policy.check({ profile })
    } catch (cause) {
      if (!(cause instanceof Failure) || cause.kind !== 'forbidden') throw cause
      throw forbidden(`Failed checking if profile ${verb} allowed`, { cause })
    }
  }

  #validate(profile: ProfileRecord): void {
    for (const key of Object.keys(profile.config)) {
      if (key.startsWith('volatile.')) throw badRequest('Volatile keys can only be set on instances')
      if (key.startsWith('image.')) throw badRequest('Image keys can only be set on instances')
    }
    checkConfig(`profile "${profile.name}"`, this.#options.instanceKeys, profile.config)
    this.#options.checkDevices(profile)
  }

  #expand(instance: InstanceRecord, changed: ProfileRecord): Layer {
    return this.expand(instance.project, instance.profiles, instance, changed)
  }

  #checkUsers(users: readonly Stored<InstanceRecord>[], after: ProfileRecord): void {
    for (const { value } of users) {
      try {
        this.#users?.check(value, this.#expand(value, after))
      } catch (cause) {
        if (!(cause instanceof Failure)) throw cause
        throw new Failure(cause.kind, `Cannot change profile "${after.name}", which ${whoseOf(value, after)} uses`, {
          cause,
        })
      }
    }
  }

  #renameIn(user: Stored<InstanceRecord>, from: string, to: string): { change: Change; compare: Compare } {
    if (!this.#users) throw new Failure('unavailable', 'Cannot rename a profile in use: the daemon is starting up')
    return this.#users.rename(
      user,
      user.value.profiles.map((name) => (name === from ? to : name)),
    )
  }

  /** Tells the instances one by one. Should one not take it, all is put back as it was. */
  async #apply(users: readonly Stored<InstanceRecord>[], old: ProfileRecord, after: ProfileRecord): Promise<void> {
    const { policy, log } = this.#options
    await using undo = new Undo((what, error) => log.error(`Cannot take back ${what}`, { error: explain(error) }))
    undo.add(`the change of profile "${old.name}"`, () =>
      policy.commit({ profile: old }, [this.#records.put(old, old.project, old.name)]),
    )
    const change = (now: InstanceRecord) => ({ before: this.#expand(now, old), after: this.#expand(now, after) })
    for (const { value } of users) {
      try {
        await this.#users?.apply(value, change, undo)
      } catch (cause) {
        const message = `Cannot change profile "${old.name}" for ${whoseOf(value, old)}`
        throw new Failure(kindOf(cause), message, { cause })
      }
    }
    undo.keep()
  }
}

/** A user of a profile. Who manages the profiles of a project need not know what is in others that use them, too. */
function whoseOf(user: InstanceRecord, profile: ProfileRecord): string {
  if (user.project !== profile.project) return 'an instance of another project'
  return `instance "${user.name}" of project "${user.project}"`
}

function checkName(name: string): void {
  if (name === '') throw badRequest('No name provided')
  if (name.includes('/')) throw badRequest('Profile names may not contain slashes')
  if (name === '.' || name === '..') throw badRequest(`Invalid profile name "${name}"`)
  if (name.length > 255 || /\p{Cc}/u.test(name)) {
    throw badRequest('Invalid profile name: expected at most 255 characters, none of them a control character')
  }
}
