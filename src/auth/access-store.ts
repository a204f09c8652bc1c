import { badRequest } from '#base/failure.ts'
import { Locks } from '#base/locks.ts'
import type { Requestor } from '#events/events.ts'
import { authGroupRecords } from '#store/auth-group-record.ts'
import type { AuthGroupRecord } from '#store/auth-group-record.ts'
import { identityProviderGroupRecords } from '#store/identity-provider-group-record.ts'
import { identityRecords } from '#store/identity-record.ts'
import { projectRecords } from '#store/project-record.ts'
import { Records } from '#store/records.ts'
import type { Change, Compare, Store } from '#store/store.ts'
import type { Grant } from './identity.ts'

/** The writes of a commit and the conditions they are made under. */
export interface Write {
  readonly changes: readonly Change[]
  readonly compare?: readonly Compare[]
}

/** Told of each change of who may do what: what happened, and the URL of what it happened to. */
export type OnAccessChange = (requestor: Requestor | undefined, action: string, url: string) => void

interface Named {
  readonly name: string
}

/**
 * The groups, who is in them, and what they may do: three kinds of record that refer to each other and to projects.
 * Every write goes through `commit`, one at a time, so that none refers to what another has just removed.
 */
export class AccessStore {
  readonly groups
  readonly identities
  readonly providerGroups
  readonly #store: Store
  readonly #projects
  readonly #locks = new Locks()
  /** One record that each write writes, too: what was read before another write can't be written after it. */
  readonly #turn

  constructor(store: Store) {
    this.#store = store
    this.groups = authGroupRecords(store)
    this.identities = identityRecords(store)
    this.providerGroups = identityProviderGroupRecords(store)
    this.#projects = projectRecords(store)
    this.#turn = new Records<object>(store, 'auth')
  }

  /** Writes what `make` gives. It is called when no other write is under way, and sees what all before it wrote. */
  async commit(make: () => Write): Promise<void> {
    using _ = await this.#locks.take('access')
    const { changes, compare = [] } = make()
    const [turn, expected] = this.#next()
    await this.#store.commit([...changes, turn], [...compare, expected])
  }

  /** Throws a bad-request Failure unless each of `names` is a group. */
  checkGroups(names: readonly string[]): void {
    for (const name of names) {
      if (!this.groups.get(name)) throw badRequest(`Invalid "groups": there is no group "${name}"`)
    }
  }

  /** The conditions under which the projects of these grants are there. Throws where one isn't. */
  expectProjects(grants: readonly Grant[]): readonly Compare[] {
    return grants.flatMap(({ project }) => {
      if (project === undefined) return []
      const found = this.#projects.get(project)
      if (!found) throw badRequest(`Invalid "permissions": there is no project "${project}"`)
      return [this.#projects.expect(found.revision, project)]
    })
  }

  /**
   * What belongs into the commit of a project that is renamed, or removed where `after` is undefined: what is granted
   * in it follows.
   */
  readonly moveGrants = (before: Named | undefined, after: Named | undefined): readonly (Change | Compare)[] => {
    if (!before || before.name === after?.name) return []
    const [turn, expected] = this.#next()
    const concerned = this.groups.list().filter(({ value }) => value.grants.some((one) => one.project === before.name))
    const changes = concerned.map(({ value }) =>
      this.groups.put(movedGrants(value, before.name, after?.name), value.name),
    )
    return [...changes, ...(changes.length > 0 ? [turn] : []), expected]
  }

  /**
   * What belongs into the commit, made by `commit`, that takes a certificate out of the trust store: it is in no group
   * any more. One that takes its place is in the same.
   */
  moveCertificate(before: string, after: string | undefined): readonly Change[] {
    const known = this.identities.get('tls', before)?.value
    if (!known) return []
    return [
      this.identities.delete('tls', before),
      ...(after === undefined ? [] : [this.identities.put({ ...known, id: after }, 'tls', after)]),
    ]
  }

  #next(): readonly [Change, Compare] {
    const revision = this.#turn.get('turn')?.revision ?? 0
    return [this.#turn.put({}, 'turn'), this.#turn.expect(revision, 'turn')]
  }
}

function movedGrants(group: AuthGroupRecord, before: string, after: string | undefined): AuthGroupRecord {
  const grants = group.grants.flatMap((grant) => {
    if (grant.project !== before) return [grant]
    return after === undefined ? [] : [{ ...grant, project: after }]
  })
  return { ...group, grants }
}
