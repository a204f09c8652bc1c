import { badRequest, Failure, notFound } from '#base/failure.ts'
import { Locks } from '#base/locks.ts'
import { checkConfig } from '#config/config.ts'
import { imageRecords } from '#store/image-record.ts'
import type { ImageRecord } from '#store/image-record.ts'
import { instanceRecords } from '#store/instance-record.ts'
import type { DevicesConfig, InstanceRecord } from '#store/instance-record.ts'
import { networkRecords } from '#store/network-record.ts'
import type { NetworkRecord } from '#store/network-record.ts'
import { profileRecords } from '#store/profile-record.ts'
import type { ProfileRecord } from '#store/profile-record.ts'
import { projectRecords } from '#store/project-record.ts'
import type { ProjectRecord } from '#store/project-record.ts'
import type { Records } from '#store/records.ts'
import type { Change, Compare, Store } from '#store/store.ts'
import { hasFeature, rulesOf } from '../project-keys.ts'
import type { Rules } from '../project-keys.ts'
import { resources, usageOf } from '../usage.ts'
import type { Resource } from '../usage.ts'
import { checkConfigPolicy } from './config-policy.ts'
import { checkDevicePolicy } from './device-policy.ts'
import { checkLimits, hasLimits } from './limit-policy.ts'
import type { PolicyLanguage, Subject } from './subject.ts'

/** What is about to be written, in its final form. One of these at a time. */
export type Proposal =
  /** An instance, new or changed; `formerly` is the name it had, where it gets another. */
  | { readonly instance: InstanceRecord; readonly formerly?: string }
  | { readonly profile: ProfileRecord }
  | { readonly project: ProjectRecord }
  | { readonly image: ImageRecord }
  | { readonly network: NetworkRecord }

interface Layer {
  readonly config: Readonly<Record<string, string>>
  readonly devices: DevicesConfig
}

export interface PolicyOptions extends PolicyLanguage {
  readonly store: Store
  /** An instance's configuration and devices with those of its profiles, one of which may be about to change. */
  readonly expand: (instance: InstanceRecord, changed?: ProfileRecord) => Layer
}

/** How often a write is tried again because others wrote into the same project meanwhile. */
const attempts = 100

/**
 * What projects allow. Whatever is written into a project, and each change of a project itself, passes here in its
 * final form: {@link commit} is the way to write it. Between the check and the write nothing can come that would have
 * made the check say no.
 */
export class Policy {
  readonly #options: PolicyOptions
  readonly #locks = new Locks()
  readonly #projects: Records<ProjectRecord>
  readonly #instances: Records<InstanceRecord>
  readonly #profiles: Records<ProfileRecord>
  readonly #images: Records<ImageRecord>
  readonly #networks: Records<NetworkRecord>

  constructor(options: PolicyOptions) {
    const { store } = options
    this.#options = options
    this.#projects = projectRecords(store)
    this.#instances = instanceRecords(store)
    this.#profiles = profileRecords(store)
    this.#images = imageRecords(store)
    this.#networks = networkRecords(store)
  }

  /** Writes `changes`, which are what `proposal` says and what goes with it, if all projects concerned allow it. */
  async commit(proposal: Proposal, changes: readonly Change[], compare: readonly Compare[] = []): Promise<number> {
    const { store } = this.#options
    for (let attempt = 1; ; attempt++) {
      // Writers of a project with limits queue up, so that they don't get into each other's way for ever.
      using turn = new DisposableStack()
      const limited = this.#concerned(proposal).filter((project) => hasLimits(rulesOf(project)))
      for (const name of limited.map((project) => project.name).toSorted()) turn.use(await this.#locks.take(name))
      const conditions = this.check(proposal)
      try {
        return await store.commit(changes, [...compare, ...conditions])
      } catch (cause) {
        if (attempt === attempts || store.holds(conditions)) throw cause
      }
    }
  }

  /**
   * Throws a Failure that says what is in the way of a change. Returns under which conditions, of the store, that is
   * all there is to say.
   */
  check(proposal: Proposal): Compare[] {
    return this.#concerned(proposal).flatMap((project) => {
      const rules = rulesOf(project)
      const limited = hasLimits(rules)
      if (rules.restricted) this.#checkRestrictions(project, rules, proposal)
      if (limited) {
        const changed = 'project' in proposal ? 'project' : 'content'
        checkLimits({ ...this.#content(project, proposal), name: project.name, rules, config: project.config, changed })
      }
      return [
        ...('project' in proposal ? [] : [this.#expectProject(project.name)]),
        ...(rules.restricted || limited ? this.#expectProfiles(project) : []),
        // What else is in a project has no part in what is restricted, but for a change that touches all of it.
        ...(limited || (rules.restricted && !('instance' in proposal)) ? this.#expectContent(project) : []),
      ]
    })
  }

  /** What a project uses, and its limits. */
  usage(name: string): Readonly<Record<Resource, { readonly limit: number | undefined; readonly usage: number }>> {
    const project = this.#projects.get(name)?.value
    if (!project) throw notFound('Project not found')
    const rules = rulesOf(project)
    const usage = usageOf(this.#content(project))
    const entries = resources.map((one) => [one, { limit: rules[`limits.${one}`], usage: usage[one] }])
    return Object.fromEntries(entries) as ReturnType<Policy['usage']>
  }

  /** How many bytes may still be added to a project's disk space; undefined where that is not limited. */
  diskBudget(name: string): number | undefined {
    const { limit, usage } = this.usage(name).disk
    return limit === undefined ? undefined : Math.max(0, limit - usage)
  }

  /** The directories of the host that disks of a project are bound to; undefined where they are not. */
  diskDirectories(name: string): readonly string[] | undefined {
    const project = this.#projects.get(name)?.value
    const rules = project && rulesOf(project)
    return rules?.restricted ? rules['restricted.devices.disk.paths'] : undefined
  }

  /** Whether a project may know of a network. */
  allowsNetwork(name: string, network: string): boolean {
    const project = this.#projects.get(name)?.value
    const rules = project && rulesOf(project)
    if (!rules?.restricted) return true
    return rules['restricted.networks.access']?.includes(network) ?? true
  }

  /** The projects whose rules have a say in a change, as they would be after it. */
  #concerned(proposal: Proposal): readonly ProjectRecord[] {
    if ('project' in proposal) return [proposal.project]
    if ('profile' in proposal) {
      const home = proposal.profile.project
      return this.#projects
        .list()
        .map(({ value }) => value)
        .filter((project) => this.#profilesOf(project) === home)
    }
    const { project } =
      'instance' in proposal ? proposal.instance : 'image' in proposal ? proposal.image : proposal.network
    const found = this.#projects.get(project)
    if (!found) throw notFound('Project not found')
    return [found.value]
  }

  #expectProject(name: string): Compare {
    return this.#projects.expect(this.#projects.get(name)?.revision ?? 0, name)
  }

  #expectProfiles(project: ProjectRecord): Compare[] {
    return [this.#profiles.expectUnchanged(this.#options.store.revision, this.#profilesOf(project))]
  }

  /** That nothing was written since now. What goes makes room only. */
  #expectContent({ name }: ProjectRecord): Compare[] {
    const since = this.#options.store.revision
    return [this.#instances, this.#images, this.#networks].map((records) => records.expectUnchanged(since, name))
  }

  #profilesOf(project: ProjectRecord): string {
    return project.name === 'default' || hasFeature(project, 'profiles') ? project.name : 'default'
  }

  /** What counts in a project, after a change. */
  #content({ name, config }: ProjectRecord, proposal?: Proposal) {
    const networks = valuesOf(this.#networks, name).map((network) => network.name)
    const added = proposal && 'network' in proposal ? [proposal.network.name] : []
    return {
      instances: this.#records(name, proposal).map((record) => this.#member(record, proposal)),
      // LXD shows nowhere what images take; where it is limited, it has to be.
      images: config['limits.disk'] ? this.#imageBytes(name, proposal) : 0,
      networks: new Set([...networks, ...added]).size,
    }
  }

  #imageBytes(project: string, proposal?: Proposal): number {
    const added = proposal && 'image' in proposal ? [proposal.image] : []
    const sizes = [...valuesOf(this.#images, project), ...added].map(
      ({ fingerprint, size }) => [fingerprint, size] as const,
    )
    return [...new Map(sizes).values()].reduce((total, size) => total + size, 0)
  }

  /** The instances of a project, after a change. */
  #records(project: string, proposal?: Proposal): readonly InstanceRecord[] {
    const there = valuesOf(this.#instances, project)
    if (!proposal || !('instance' in proposal)) return there
    const { instance, formerly = instance.name } = proposal
    return [...there.filter(({ name }) => name !== instance.name && name !== formerly), instance]
  }

  #member(record: InstanceRecord, proposal?: Proposal) {
    const changed = proposal && 'profile' in proposal ? proposal.profile : undefined
    return { name: record.name, type: record.type, ...this.#options.expand(record, changed) }
  }

  #checkRestrictions(project: ProjectRecord, rules: Rules, proposal: Proposal): void {
    for (const subject of [...this.#members(project, proposal), ...this.#profileSubjects(project, proposal)]) {
      this.#checkSubject(rules, subject, proposal)
    }
  }

  /** The instances that a change touches. */
  #members(project: ProjectRecord, proposal: Proposal): Subject[] {
    const records = 'instance' in proposal ? [proposal.instance] : this.#records(project.name)
    const touched = records.filter(
      ({ profiles }) => !('profile' in proposal) || profiles.includes(proposal.profile.name),
    )
    if ('image' in proposal || 'network' in proposal) return []
    return touched.map((record) => {
      const { name, type: kind, config, devices } = this.#member(record, proposal)
      return { kind, project: project.name, name, config, devices }
    })
  }

  #profileSubjects(project: ProjectRecord, proposal: Proposal): Subject[] {
    const profiles =
      'profile' in proposal
        ? [proposal.profile]
        : 'project' in proposal
          ? valuesOf(this.#profiles, this.#profilesOf(project))
          : []
    return profiles.map(({ name, config, devices }) => ({
      kind: 'profile' as const,
      project: project.name,
      name,
      config,
      devices,
    }))
  }

  #checkSubject(rules: Rules, subject: Subject, proposal: Proposal): void {
    const { instanceKeys } = this.#options
    try {
      // Values that can not be read are told of as such, and can't be judged.
      checkConfig(subject.kind === 'profile' ? 'profile' : 'instance', instanceKeys, subject.config)
      checkConfigPolicy(rules, subject, instanceKeys)
      checkDevicePolicy(rules, subject, this.#options)
    } catch (cause) {
      if (!('project' in proposal) || !(cause instanceof Failure)) throw cause
      throw badRequest(`Conflict detected when changing ${this.#changedKeys(proposal.project)}`, { cause })
    }
  }

  /** The restrictions that a change of a project touches, as in `"restricted" in project "p1"`. */
  #changedKeys({ name, config }: ProjectRecord): string {
    const before = this.#projects.get(name)?.value.config ?? {}
    const changed = [...new Set([...Object.keys(before), ...Object.keys(config)])].filter(
      (key) => key.startsWith('restricted') && before[key] !== config[key],
    )
    return `${changed.map((key) => `"${key}"`).join(', ')} in project "${name}"`
  }
}

function valuesOf<T extends object>(records: Records<T>, project: string): T[] {
  return records.list(project).map(({ value }) => value)
}
