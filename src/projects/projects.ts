import { badRequest, conflict, forbidden, notFound } from '#base/failure.ts'
import { checkConfig, withoutEmpty } from '#config/config.ts'
import type { Events, Requestor } from '#events/events.ts'
import { imageRecords } from '#store/image-record.ts'
import { instanceRecords } from '#store/instance-record.ts'
import { networkRecords } from '#store/network-record.ts'
import { profileRecords } from '#store/profile-record.ts'
import { projectRecords } from '#store/project-record.ts'
import type { ProjectRecord } from '#store/project-record.ts'
import type { Stored } from '#store/records.ts'
import type { Change, Compare, Store } from '#store/store.ts'
import type { Policy } from './policy/policy.ts'
import { features, hasFeature, initialFeatures, projectKeys, rulesOf } from './project-keys.ts'
import type { ProjectFeature } from './project-keys.ts'

/** What a client may say of a project. */
export interface ProjectInput {
  readonly description: string
  readonly config: Readonly<Record<string, string>>
}

/**
 * The writes that belong into the commit of a project, and their conditions: what comes and goes with it. `before` is undefined for a new
 * project, `after` for one that is removed.
 */
export type Belongings = (
  before: ProjectRecord | undefined,
  after: ProjectRecord | undefined,
) => readonly (Change | Compare)[]

interface Commit {
  readonly before?: Stored<ProjectRecord>
  readonly after?: ProjectRecord
  readonly action: 'project-created' | 'project-updated' | 'project-renamed' | 'project-deleted'
  readonly requestor: Requestor | undefined
}

/** The projects, and which project's images, profiles, networks and volumes each of them uses. */
export class Projects {
  readonly #store: Store
  readonly #events: Events
  readonly #belongings: Belongings
  readonly #policy: Pick<Policy, 'commit'>
  readonly #records

  constructor(options: {
    readonly store: Store
    readonly events: Events
    readonly belongings: Belongings
    readonly policy: Pick<Policy, 'commit'>
  }) {
    this.#store = options.store
    this.#events = options.events
    this.#belongings = options.belongings
    this.#policy = options.policy
    this.#records = projectRecords(options.store)
  }

  /** Makes the project "default" where it is missing: at the first start. */
  async start(): Promise<void> {
    if (this.#records.get('default')) return
    const config = Object.fromEntries(features.map((feature) => [`features.${feature}`, 'true']))
    const record = { name: 'default', description: 'Default LXD project', config }
    const [changes, conditions] = split(this.#belongings(undefined, record))
    await this.#store.commit(
      [this.#records.put(record, record.name), ...changes],
      [this.#records.expect(0, record.name), ...conditions],
    )
  }

  get(name: string): Stored<ProjectRecord> {
    const found = this.#records.get(name)
    if (!found) throw notFound('Project not found')
    return found
  }

  list(): readonly ProjectRecord[] {
    return this.#records.list().map(({ value }) => value)
  }

  has(name: string): boolean {
    return this.#records.get(name) !== undefined
  }

  /** The project whose images, profiles, networks or volumes `name` uses: itself, or "default". */
  effective(name: string, feature: ProjectFeature): string {
    if (name === 'default') return name
    return hasFeature(this.get(name).value, feature) ? name : 'default'
  }

  /** The condition for a commit that puts something into a project: that it is still the one it was. */
  expect(name: string): readonly Compare[] {
    return [this.#records.expect(this.get(name).revision, name)]
  }

  /** What is in a project. */
  contents(name: string) {
    this.get(name)
    const store = this.#store
    return {
      instances: instanceRecords(store)
        .list(name)
        .map(({ value }) => value),
      profiles: profileRecords(store)
        .list(name)
        .map(({ value }) => value),
      images: imageRecords(store)
        .list(name)
        .map(({ value }) => value),
      networks: networkRecords(store)
        .list(name)
        .map(({ value }) => value),
    }
  }

  /** The URLs of what is in a project, in LXD's order. */
  usedBy(name: string): readonly string[] {
    const { instances, profiles, images, networks } = this.contents(name)
    const query = name === 'default' ? '' : `?project=${encodeURIComponent(name)}`
    const url = (path: string, id: string) => `/1.0/${path}/${encodeURIComponent(id)}${query}`
    return [
      ...instances.map((instance) => url('instances', instance.name)),
      ...profiles.map((profile) => url('profiles', profile.name)),
      ...images.map((image) => url('images', image.fingerprint)),
      ...networks.map((network) => url('networks', network.name)),
    ]
  }

  async create(name: string, input: ProjectInput, requestor?: Requestor): Promise<void> {
    checkName(name)
    if (this.#records.get(name)) throw conflict(`A project named "${name}" already exists`)
    const initial = Object.fromEntries(initialFeatures.map((feature) => [`features.${feature}`, 'true']))
    const after = { name, description: input.description, config: { ...initial, ...input.config } }
    await this.#commit({ after, action: 'project-created', requestor })
  }

  /** Replaces what a client may say of a project. */
  async update(name: string, input: ProjectInput, requestor?: Requestor): Promise<void> {
    const before = this.get(name)
    const after = { name, description: input.description, config: input.config }
    await this.#commit({ before, after, action: 'project-updated', requestor })
  }

  async rename(name: string, newName: string, requestor?: Requestor): Promise<void> {
    if (name === 'default') throw forbidden("The 'default' project cannot be renamed")
    const before = this.get(name)
    checkName(newName)
    if (this.#records.get(newName)) throw conflict(`A project named "${newName}" already exists`)
    if (!this.#isEmpty(name)) throw conflict('Only empty projects can be renamed')
    await this.#commit({ before, after: { ...before.value, name: newName }, action: 'project-renamed', requestor })
  }

  async delete(name: string, requestor?: Requestor): Promise<void> {
    if (name === 'default') throw forbidden("The 'default' project cannot be deleted")
    const before = this.#records.get(name)
    if (!before) throw notFound(`Fetch project "${name}"`, { cause: notFound('Project not found') })
    if (!this.#isEmpty(name)) throw conflict('Only empty projects can be removed')
    await this.#commit({ before, action: 'project-deleted', requestor })
  }

  /** Nothing is in it but its default profile, which comes and goes with it. */
  #isEmpty(name: string): boolean {
    const profile = profileRecords(this.#store).get(name, 'default') ? 1 : 0
    return this.usedBy(name).length === profile
  }

  /** The one way a project is written. */
  async #commit({ before, after: wanted, action, requestor }: Commit): Promise<void> {
    const old = before?.value
    const after = wanted && { ...wanted, config: withoutEmpty(wanted.config) }
    const changed = after ? this.#validate(old, after) : []
    const name = after?.name ?? old?.name ?? ''
    const moved = old && old.name !== after?.name
    const [belongings, conditions] = split(this.#belongings(old, after))
    const changes = [
      ...(moved ? [this.#records.delete(old.name)] : []),
      ...(after ? [this.#records.put(after, after.name)] : []),
      ...belongings,
    ]
    const compare = [
      ...conditions,
      ...(before ? [this.#records.expect(before.revision, before.value.name)] : []),
      ...(after && old?.name !== after.name ? [this.#records.expect(0, after.name)] : []),
      ...(old && (moved || changed.length > 0) ? this.#nothingIn(old.name) : []),
    ]
    if (after) await this.#policy.commit({ project: after }, changes, compare)
    else await this.#store.commit(changes, compare)
    const context = moved && after ? { context: { old_name: old.name } } : {}
    this.#events.lifecycle({
      action,
      source: `/1.0/projects/${encodeURIComponent(name)}`,
      project: name,
      ...context,
      requestor,
    })
  }

  /** Checks what a project is to become; gives the features that change by it. */
  #validate(old: ProjectRecord | undefined, after: ProjectRecord): readonly ProjectFeature[] {
    checkConfig('project', projectKeys, after.config)
    if (after.name !== 'default' && hasFeature(after, 'networks')) {
      throw badRequest(
        'Invalid project configuration: "features.networks": only the project "default" can have networks',
      )
    }
    const rules = rulesOf(after)
    if (after.name !== 'default' && rules.restricted && !rules['features.profiles']) {
      throw badRequest('Projects without their own profiles cannot be restricted')
    }
    for (const { uplink } of rules['restricted.networks.subnets']) this.#checkUplink(uplink)
    if (!old) return []
    const changed = features.filter((feature) => hasFeature(old, feature) !== hasFeature(after, feature))
    const [feature] = changed
    if (feature === undefined) return []
    if (old.name === 'default') throw badRequest("You can't change the features of the default project")
    if (!this.#isEmpty(old.name)) {
      const verb = hasFeature(after, feature) ? 'enabled' : 'disabled'
      throw badRequest(`Project feature "features.${feature}" cannot be ${verb} on non-empty projects`)
    }
    return changed
  }

  #checkUplink(name: string): void {
    if (networkRecords(this.#store).get('default', name)) return
    throw badRequest(`Invalid project configuration: "restricted.networks.subnets": Invalid uplink network "${name}"`, {
      cause: notFound('Network not found'),
    })
  }

  /** Conditions that keep a project from going while something is put into it. */
  #nothingIn(name: string) {
    return [instanceRecords, imageRecords, networkRecords].map((records) => records(this.#store).expectNone(name))
  }
}

function split(belongings: readonly (Change | Compare)[]): readonly [Change[], Compare[]] {
  const changes: Change[] = []
  const conditions: Compare[] = []
  for (const one of belongings) {
    if ('type' in one) changes.push(one)
    else conditions.push(one)
  }
  return [changes, conditions]
}

/**
 * Throws a forbidden Failure where a change of a project is more than one of its description and of `user.*`: all that
 * those may change whom it holds.
 */
export function checkHarmless(before: ProjectRecord, after: ProjectInput): void {
  const config = withoutEmpty(after.config)
  const changed = [...new Set([...Object.keys(before.config), ...Object.keys(config)])].find(
    (key) => !key.startsWith('user.') && before.config[key] !== config[key],
  )
  if (changed === undefined) return
  throw forbidden('not authorized', {
    cause: forbidden(`"${changed}" of project "${before.name}" is for administrators of the server to change`),
  })
}

function checkName(name: string): void {
  if (name === '') throw badRequest('No name provided')
  if (name.includes('/')) throw badRequest('Project names may not contain slashes')
  if (name.includes(' ')) throw badRequest('Project names may not contain spaces')
  if (name.includes('_')) throw badRequest('Project names may not contain underscores')
  if (/['"]/.test(name)) throw badRequest('Project names may not contain quotes')
  if (name === '*') throw badRequest('Reserved project name')
  if (name === '.' || name === '..') throw badRequest(`Invalid project name "${name}"`)
  // The name becomes part of file names and of the names of containers at the runtime.
  if (name.length > 63 || /[\p{Cc}\p{Z}]/u.test(name)) {
    throw badRequest('Invalid project name: expected at most 63 characters, none of them a control character or space')
  }
}
