import { conflict, notFound } from '#base/failure.ts'
import type { Events, Requestor } from '#events/events.ts'
import type { IdentityProviderGroupRecord } from '#store/identity-provider-group-record.ts'
import type { AccessStore, OnAccessChange } from './access-store.ts'
import { checkProviderGroupName, nameSet } from './group-names.ts'
import type { GroupsOptions } from './groups.ts'

type GroupNames = readonly string[]

/** Which groups the members of a group of the identity provider are in. */
export class ProviderGroups {
  readonly #access: AccessStore
  readonly #events: Events
  readonly #onChange: OnAccessChange | undefined

  constructor(options: GroupsOptions) {
    this.#access = options.access
    this.#events = options.events
    this.#onChange = options.onChange
  }

  list(): readonly IdentityProviderGroupRecord[] {
    return this.#access.providerGroups.list().map(({ value }) => value)
  }

  get(name: string): IdentityProviderGroupRecord {
    const found = this.#access.providerGroups.get(name)
    if (!found) throw notFound('Identity provider group not found')
    return found.value
  }

  async create(name: string, groups: GroupNames, requestor?: Requestor): Promise<void> {
    checkProviderGroupName(name)
    await this.#access.commit(() => {
      this.#checkNew(name)
      return this.#put(name, groups)
    })
    this.#tell('identity-provider-group-created', name, requestor)
  }

  /** What `change` is given is still true when its result is written. */
  async update(
    name: string,
    change: (mapping: IdentityProviderGroupRecord) => GroupNames,
    requestor?: Requestor,
  ): Promise<void> {
    await this.#access.commit(() => this.#put(name, change(this.get(name))))
    this.#tell('identity-provider-group-updated', name, requestor)
  }

  async rename(name: string, newName: string, requestor?: Requestor): Promise<void> {
    checkProviderGroupName(newName)
    await this.#access.commit(() => {
      const { groups } = this.get(name)
      this.#checkNew(newName)
      return { changes: [this.#access.providerGroups.delete(name), ...this.#put(newName, groups).changes] }
    })
    this.#tell('identity-provider-group-renamed', newName, requestor, { old_name: name })
  }

  async delete(name: string, requestor?: Requestor): Promise<void> {
    await this.#access.commit(() => {
      this.get(name)
      return { changes: [this.#access.providerGroups.delete(name)] }
    })
    this.#tell('identity-provider-group-deleted', name, requestor)
  }

  #checkNew(name: string): void {
    if (this.#access.providerGroups.get(name)) {
      throw conflict(`An identity provider group named "${name}" already exists`)
    }
  }

  #put(name: string, wanted: GroupNames) {
    const groups = nameSet(wanted)
    this.#access.checkGroups(groups)
    return { changes: [this.#access.providerGroups.put({ name, groups }, name)] }
  }

  #tell(action: string, name: string, requestor?: Requestor, context?: object): void {
    const source = `/1.0/auth/identity-provider-groups/${encodeURIComponent(name)}`
    this.#onChange?.(requestor, action, source)
    this.#events.lifecycle({ action, source, requestor, ...(context ? { context } : {}) })
  }
}
