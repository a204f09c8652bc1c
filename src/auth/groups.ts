import { badRequest, conflict, notFound } from '#base/failure.ts'
import type { Events, Requestor } from '#events/events.ts'
import type { AuthGroupRecord } from '#store/auth-group-record.ts'
import type { IdentityRecord } from '#store/identity-record.ts'
import type { Change } from '#store/store.ts'
import type { AccessStore, OnAccessChange } from './access-store.ts'
import { checkGroupName } from './group-names.ts'
import type { Grant, Identity, Memberships } from './identity.ts'

/** What a client may say of a group. */
export type GroupInput = Pick<AuthGroupRecord, 'description' | 'grants'>

/** Who is in a group. */
export interface Members {
  readonly identities: readonly IdentityRecord[]
  readonly providerGroups: readonly string[]
}

export interface GroupsOptions {
  readonly access: AccessStore
  readonly events: Events
  readonly onChange?: OnAccessChange
}

const maxGrants = 1000
const maxDescription = 10_000

/** Groups of identities: the way to give roles to users, certificates and groups of an identity provider. */
export class Groups {
  readonly #access: AccessStore
  readonly #events: Events
  readonly #onChange: OnAccessChange | undefined

  constructor(options: GroupsOptions) {
    this.#access = options.access
    this.#events = options.events
    this.#onChange = options.onChange
  }

  list(): readonly AuthGroupRecord[] {
    return this.#access.groups.list().map(({ value }) => value)
  }

  get(name: string): AuthGroupRecord {
    const found = this.#access.groups.get(name)
    if (!found) throw notFound('Group not found')
    return found.value
  }

  members(name: string): Members {
    const { identities, providerGroups } = this.#access
    return {
      identities: identities.list().flatMap(({ value }) => (value.groups.includes(name) ? [value] : [])),
      providerGroups: providerGroups.list().flatMap(({ value }) => (value.groups.includes(name) ? [value.name] : [])),
    }
  }

  async create(name: string, input: GroupInput, requestor?: Requestor): Promise<void> {
    checkGroupName(name)
    await this.#access.commit(() => {
      if (this.#access.groups.get(name)) throw conflict(`A group named "${name}" already exists`)
      return this.#put({ name, ...checked(input) })
    })
    this.#tell('auth-group-created', name, requestor)
  }

  /** Puts what `change` makes of the group in its place. What `change` is given is still true when that is written. */
  async update(name: string, change: (group: AuthGroupRecord) => GroupInput, requestor?: Requestor): Promise<void> {
    await this.#access.commit(() => this.#put({ name, ...checked(change(this.get(name))) }))
    this.#tell('auth-group-updated', name, requestor)
  }

  async rename(name: string, newName: string, requestor?: Requestor): Promise<void> {
    checkGroupName(newName)
    await this.#access.commit(() => {
      const group = this.get(name)
      if (this.#access.groups.get(newName)) throw conflict(`A group named "${newName}" already exists`)
      const { groups } = this.#access
      const moved = [groups.delete(name), groups.put({ ...group, name: newName }, newName)]
      return { changes: [...moved, ...this.#replaced(name, [newName])] }
    })
    this.#tell('auth-group-renamed', newName, requestor, { old_name: name })
  }

  /** Removes a group; nobody is in it any more. */
  async delete(name: string, requestor?: Requestor): Promise<void> {
    await this.#access.commit(() => {
      this.get(name)
      return { changes: [this.#access.groups.delete(name), ...this.#replaced(name, [])] }
    })
    this.#tell('auth-group-deleted', name, requestor)
  }

  /** What someone may do by the groups they are in, now. */
  grantsFor(method: Identity['method'], memberships: Memberships): readonly Grant[] {
    return this.describe(method, memberships).granted
  }

  /** The groups someone is in by themselves and all told, and what these grant. */
  describe(method: Identity['method'], { ids, providerGroups }: Memberships) {
    const { groups, identities, providerGroups: mapped } = this.#access
    const own = ids.flatMap((id) => identities.get(method, id)?.value.groups ?? [])
    const provided = providerGroups.flatMap((name) => mapped.get(name)?.value.groups ?? [])
    const effective = union([...own, ...provided])
    return {
      own: union(own),
      effective,
      granted: effective.flatMap((name): readonly Grant[] => groups.get(name)?.value.grants ?? []),
    }
  }

  #put(group: AuthGroupRecord) {
    return {
      changes: [this.#access.groups.put(group, group.name)],
      compare: this.#access.expectProjects(group.grants),
    }
  }

  /** The writes that put `names` in the place of a group wherever someone is in it. */
  #replaced(name: string, names: readonly string[]): readonly Change[] {
    const { identities, providerGroups } = this.#access
    const replace = (groups: readonly string[]) => union(groups.flatMap((group) => (group === name ? names : [group])))
    return [
      ...identities
        .list()
        .filter(({ value }) => value.groups.includes(name))
        .map(({ value }) => identities.put({ ...value, groups: replace(value.groups) }, value.method, value.id)),
      ...providerGroups
        .list()
        .filter(({ value }) => value.groups.includes(name))
        .map(({ value }) => providerGroups.put({ ...value, groups: replace(value.groups) }, value.name)),
    ]
  }

  #tell(action: string, name: string, requestor?: Requestor, context?: object): void {
    const source = `/1.0/auth/groups/${encodeURIComponent(name)}`
    this.#onChange?.(requestor, action, source)
    this.#events.lifecycle({ action, source, requestor, ...(context ? { context } : {}) })
  }
}

function union(names: readonly string[]): readonly string[] {
  return names.length === 0 ? names : [...new Set(names)].toSorted()
}

function checked({ description, grants }: GroupInput): GroupInput {
  if (description.length > maxDescription) {
    throw badRequest(`Invalid "description": longer than ${maxDescription} characters`)
  }
  if (grants.length > maxGrants) throw badRequest(`Invalid "permissions": more than ${maxGrants}`)
  const once = new Map(grants.map((grant) => [`${grant.role} ${grant.project ?? ''}`, grant]))
  return { description, grants: [...once.values()] }
}
