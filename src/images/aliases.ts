import { badRequest, conflict, notFound } from '#base/failure.ts'
import type { Events, Requestor } from '#events/events.ts'
import type { Projects } from '#projects/projects.ts'
import { imageAliasRecords, imageRecords } from '#store/image-record.ts'
import type { ImageAliasRecord } from '#store/image-record.ts'
import type { Stored } from '#store/records.ts'
import type { Change, Compare, Store } from '#store/store.ts'

/** What a client may say of an alias. */
export interface AliasInput {
  readonly description: string
  /** Fingerprint of the image. */
  readonly target: string
}

/** A name for an image that is being added. */
export interface NewAlias {
  readonly name: string
  readonly description: string
}

/** What the commit of an image has to write besides, and what must hold for it. */
export interface Writes {
  readonly changes: readonly Change[]
  readonly expect: readonly Compare[]
}

interface Commit {
  readonly before?: Stored<ImageAliasRecord>
  readonly after?: ImageAliasRecord
}

/** The names images go by. Where a project has no images of its own, those of the project "default" are meant. */
export class ImageAliases {
  readonly #store: Store
  readonly #events: Events
  readonly #projects: Projects
  readonly #records
  readonly #images

  constructor(options: { readonly store: Store; readonly events: Events; readonly projects: Projects }) {
    this.#store = options.store
    this.#events = options.events
    this.#projects = options.projects
    this.#records = imageAliasRecords(options.store)
    this.#images = imageRecords(options.store)
  }

  /** By name. */
  list(project: string): readonly ImageAliasRecord[] {
    return this.#records.list(this.#effective(project)).map(({ value }) => value)
  }

  get(project: string, name: string): ImageAliasRecord {
    return this.#get(project, name).value
  }

  /** The aliases of public images, for strangers: see {@link Images.listPublic}. */
  listPublic(project: string): readonly ImageAliasRecord[] {
    if (project !== 'default') return []
    return this.list(project).filter(({ target }) => this.#images.get(project, target)?.value.public === true)
  }

  /** The same by name. */
  getPublic(project: string, name: string): ImageAliasRecord {
    const found = this.listPublic(project).find((alias) => alias.name === name)
    if (!found) throw notFound('Image alias not found')
    return found
  }

  async create(project: string, input: AliasInput & { name: string }, requestor?: Requestor): Promise<void> {
    const { name, description, target } = input
    if (name === '' || target === '') throw badRequest('name and target are required')
    const after = { project: this.#effective(project), name, description, target, type: 'container' as const }
    if (!this.#images.get(after.project, target)) throw notFound('Image not found')
    if (this.#records.get(after.project, name)) throw conflict(`Alias "${name}" already exists`)
    await this.#commit({ after })
    this.#tell('image-alias-created', after, requestor, { target })
  }

  /** Replaces what a client may say of an alias. */
  async update(project: string, name: string, change: { input: AliasInput; requestor?: Requestor }): Promise<void> {
    const before = this.#get(project, name)
    const { description, target } = change.input
    if (target === '') throw badRequest('The target field is required')
    const after = { ...before.value, description, target }
    if (!this.#images.get(after.project, target)) throw notFound('Image not found')
    await this.#commit({ before, after })
    this.#tell('image-alias-updated', after, change.requestor, { target })
  }

  async rename(project: string, name: string, change: { to: string; requestor?: Requestor }): Promise<void> {
    const before = this.#get(project, name)
    const after = { ...before.value, name: change.to }
    if (this.#records.get(after.project, after.name)) throw conflict(`Alias "${after.name}" already exists`)
    await this.#commit({ before, after })
    this.#tell('image-alias-renamed', after, change.requestor, { old_name: name })
  }

  async delete(project: string, name: string, requestor?: Requestor): Promise<void> {
    const before = this.#get(project, name)
    await this.#commit({ before })
    this.#tell('image-alias-deleted', before.value, requestor)
  }

  /** The writes that remove all aliases of an image, for the commit that removes the image. */
  removal(project: string, fingerprint: string): Writes {
    const changes = this.#of(project, fingerprint).map(({ value }) => this.#records.delete(project, value.name))
    return { changes, expect: [] }
  }

  /** The writes that give an image names, for the commit that adds it. Throws a conflict Failure for one that is taken. */
  additions(project: string, fingerprint: string, aliases: readonly NewAlias[]): Writes {
    const wanted = new Map(aliases.map((alias) => [alias.name, alias]))
    const missing = [...wanted.values()].filter(({ name }) => {
      checkName(name)
      const found = this.#records.get(project, name)?.value
      if (found && found.target !== fingerprint) throw conflict(`Alias "${name}" already exists`)
      return !found
    })
    return {
      changes: missing.map(({ name, description }) =>
        this.#records.put({ project, name, description, target: fingerprint, type: 'container' }, project, name),
      ),
      expect: missing.map(({ name }) => this.#records.expect(0, project, name)),
    }
  }

  /** The writes that make all aliases of an image point to another, for the commit that replaces it. */
  moves(project: string, from: string, to: string): Writes {
    const moved = this.#of(project, from)
    return {
      changes: moved.map(({ value }) => this.#records.put({ ...value, target: to }, project, value.name)),
      expect: moved.map(({ value, revision }) => this.#records.expect(revision, project, value.name)),
    }
  }

  #of(project: string, fingerprint: string): readonly Stored<ImageAliasRecord>[] {
    return this.#records.list(project).filter(({ value }) => value.target === fingerprint)
  }

  #effective(project: string): string {
    return this.#projects.effective(project, 'images')
  }

  #get(project: string, name: string): Stored<ImageAliasRecord> {
    const found = this.#records.get(this.#effective(project), name)
    if (!found) throw notFound('Image alias not found')
    return found
  }

  /** The one way an alias is written, but for its end together with its image's. */
  async #commit({ before, after }: Commit): Promise<void> {
    if (after) checkName(after.name)
    const moved = before && before.value.name !== after?.name
    const image = after && this.#images.get(after.project, after.target)
    await this.#store.commit(
      [
        ...(moved ? [this.#records.delete(before.value.project, before.value.name)] : []),
        ...(after ? [this.#records.put(after, after.project, after.name)] : []),
      ],
      [
        ...(before ? [this.#records.expect(before.revision, before.value.project, before.value.name)] : []),
        ...(after && (moved || !before) ? [this.#records.expect(0, after.project, after.name)] : []),
        ...(image && after ? [this.#images.expect(image.revision, after.project, after.target)] : []),
      ],
    )
  }

  #tell(action: string, { project, name }: ImageAliasRecord, requestor?: Requestor, context?: object): void {
    const query = project === 'default' ? '' : `?project=${encodeURIComponent(project)}`
    const source = `/1.0/images/aliases/${encodeURIComponent(name)}${query}`
    this.#events.lifecycle({ action, source, project, requestor, ...(context ? { context } : {}) })
  }
}

function checkName(name: string): void {
  if (name === '') throw badRequest('Invalid alias name: it is empty')
  if (name.length > 255 || /\p{Cc}/u.test(name)) {
    throw badRequest('Invalid alias name: expected at most 255 characters, none of them a control character')
  }
}
