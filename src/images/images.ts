import type { Readable } from 'node:stream'
import { badRequest, conflict, explain, notFound } from '#base/failure.ts'
import type { Log } from '#base/log.ts'
import { Locks } from '#base/locks.ts'
import type { Work } from '#base/progress.ts'
import { Undo } from '#base/undo.ts'
import { withoutEmpty } from '#config/config.ts'
import type { Events, Requestor } from '#events/events.ts'
import type { Run } from '#host/run.ts'
import type { Profiles } from '#profiles/profiles.ts'
import type { Policy } from '#projects/policy/policy.ts'
import type { Projects } from '#projects/projects.ts'
import type { ImageTree } from '#storage/driver.ts'
import { imageRecords } from '#store/image-record.ts'
import type { ImageRecord, UpdateSource } from '#store/image-record.ts'
import type { Stored } from '#store/records.ts'
import type { Store } from '#store/store.ts'
import { ImageAliases } from './aliases.ts'
import type { NewAlias, Writes } from './aliases.ts'
import { examineImage, unpackImage } from './contents.ts'
import { ImageFiles } from './image-files.ts'
import type { ImagePaths } from './image-files.ts'
import type { ImageMetadata } from './metadata.ts'
import type { LayoutLimits } from './layout.ts'
import { ImageSecrets } from './secrets.ts'
import { PushSecrets } from './push-secrets.ts'
import { cleanFilename, receiveUpload } from './upload.ts'
import type { Upload, UploadOptions } from './upload.ts'
import { UploadQuota } from './upload-quota.ts'

export interface ImagesOptions {
  /** LXD_DIR/images. */
  readonly directory: string
  readonly store: Store
  readonly events: Events
  readonly log: Log
  readonly run: Run
  readonly policy: Pick<Policy, 'commit' | 'diskBudget'>
  readonly projects: Projects
  readonly profiles: Profiles
  /** Called when the last project has given up an image: what was unpacked from it is of no use any more. */
  readonly onUnused?: (fingerprint: string) => Promise<void>
  readonly limits?: LayoutLimits
}

/** What a client may say of an image. */
export interface ImageInput {
  readonly public: boolean
  readonly autoUpdate: boolean
  readonly properties: Readonly<Record<string, string>>
  /** The profile "default" where undefined. */
  readonly profiles: readonly string[] | undefined
  /** Undefined to leave the time as it is. */
  readonly expiresAt: string | undefined
}

/** What a client may say of an image it adds; its properties add to those the image has. */
export interface ImportInput extends Omit<ImageInput, 'expiresAt' | 'autoUpdate'> {
  /** The hash the image must have; any where undefined. */
  readonly fingerprint: string | undefined
  /** Names it gets; that one of them is taken is a failure. */
  readonly aliases?: readonly NewAlias[]
  /** Undefined for the time in the image itself. */
  readonly expiresAt?: string | undefined
  /** What came with an image from another server. */
  readonly origin?: ImageOrigin | undefined
}

/** What is kept of where an image came from. */
export interface ImageOrigin {
  readonly autoUpdate: boolean
  readonly cached: boolean
  readonly filename: string
  /** In the place of those in the image itself. */
  readonly properties: Readonly<Record<string, string>> | undefined
  readonly expiresAt: string | undefined
  /** Where newer ones are to be looked for. */
  readonly updateSource: UpdateSource | undefined
  /** The image of the same project that it takes the place of, with its aliases. */
  readonly replaces?: ImageRecord | undefined
}

/** How an instance's source names an image: the first of these that is not empty counts. */
export interface ImageQuery {
  readonly alias: string
  readonly fingerprint: string
  readonly properties: Readonly<Record<string, string>>
}

interface Commit {
  readonly before?: Stored<ImageRecord>
  readonly after?: ImageRecord
  readonly with?: Writes
}

const never = '0001-01-01T00:00:00Z'

/**
 * The images. Where a project has none of its own, those of the project "default" are meant, everywhere. An image
 * that several projects have is one file, which goes with the last of them.
 */
export class Images {
  readonly aliases: ImageAliases
  readonly secrets = new ImageSecrets()
  readonly pushSecrets = new PushSecrets()
  readonly #options: ImagesOptions
  readonly #files: ImageFiles
  readonly #locks = new Locks()
  readonly #quota: UploadQuota
  readonly #records

  constructor(options: ImagesOptions) {
    this.#options = options
    this.#files = new ImageFiles(options.directory)
    this.#quota = new UploadQuota((project) => options.policy.diskBudget(project))
    this.#records = imageRecords(options.store)
    this.aliases = new ImageAliases(options)
  }

  /** Removes what a crash left: files of uploads, imports and removals that did not get to their end. */
  async start(): Promise<void> {
    const missing = await this.#files.sweep(this.#records.list().map(({ value }) => value))
    // Nothing of ours leads here, so it may be a file system that isn't mounted: the record is worth keeping.
    for (const { fingerprint } of missing) this.#options.log.error('The files of an image are missing', { fingerprint })
  }

  /** By fingerprint. */
  list(project: string): readonly ImageRecord[] {
    return this.#records.list(this.#effective(project)).map(({ value }) => value)
  }

  /** The image with this very fingerprint. */
  find(project: string, fingerprint: string): ImageRecord | undefined {
    return this.#records.get(this.#effective(project), fingerprint)?.value
  }

  /** The one image whose fingerprint starts with `prefix`. */
  get(project: string, prefix: string): ImageRecord {
    return this.find(project, prefix) ?? pick(this.list(project), prefix)
  }

  /** The same among the public images, for strangers. */
  getPublic(project: string, prefix: string): ImageRecord {
    return pick(this.listPublic(project), prefix)
  }

  /**
   * The public images for strangers: those of the project "default". Of others nothing is told, so that nobody learns
   * which projects there are.
   */
  listPublic(project: string): readonly ImageRecord[] {
    return project === 'default' ? this.list(project).filter((image) => image.public) : []
  }

  /** The image an instance is to be made from. Of several with the properties, the youngest. */
  resolve(project: string, query: ImageQuery): ImageRecord {
    if (query.alias !== '') return this.get(project, this.aliases.get(project, query.alias).target)
    if (query.fingerprint !== '') return this.get(project, query.fingerprint)
    const wanted = Object.entries(query.properties)
    if (wanted.length === 0) {
      throw badRequest('Must specify one of alias, fingerprint or properties for init from image')
    }
    const [youngest] = this.list(project)
      .filter(({ properties }) => wanted.every(([key, value]) => properties[key] === value))
      .toSorted((a, b) => (a.createdAt < b.createdAt ? 1 : -1))
    if (!youngest) throw notFound('No matching image could be found')
    return youngest
  }

  /** The image an instance is made from, with what it hands on to the instance. Notes that it was used. */
  use(project: string, query: ImageQuery) {
    const image = this.resolve(project, query)
    this.#touch(image).catch((error: unknown) => {
      this.#options.log.warn('Cannot note that an image was used', { error: explain(error) })
    })
    const { fingerprint, architecture, properties } = image
    return { fingerprint, architecture, properties, profiles: this.profilesOf(image), tree: this.tree(image) }
  }

  /** The profiles of an image that are there still. */
  profilesOf({ project, profiles }: ImageRecord): readonly string[] {
    const known = new Set(this.#options.profiles.list(project).map(({ name }) => name))
    return profiles.filter((name) => known.has(name))
  }

  /** What storage unpacks. */
  tree(image: ImageRecord): ImageTree {
    const { run, limits } = this.#options
    return {
      fingerprint: image.fingerprint,
      unpack: async (directory: string, work: Work) => {
        const paths = await this.#files.verify(image)
        await unpackImage(paths, directory, { ...work, run, limits })
      },
    }
  }

  /** The files of an image, to be sent out. */
  paths(image: ImageRecord): ImagePaths {
    return this.#files.paths(image)
  }

  /** Takes what a client sends; for {@link import}. Ends where the project may have no more. */
  async receive(project: string, stream: Readable, options: Omit<UploadOptions, 'meter'>): Promise<Upload> {
    return await receiveUpload(stream, this.#files, { ...options, meter: this.#quota.open(this.#effective(project)) })
  }

  /** Makes an upload an image of the project. The upload's files are taken over or removed, however it ends. */
  async import(
    project: string,
    upload: Upload,
    { input, requestor, ...work }: Work & { readonly input: ImportInput; readonly requestor?: Requestor | undefined },
  ): Promise<ImageRecord> {
    await using _upload = upload
    const { fingerprint } = upload
    if (input.fingerprint !== undefined && input.fingerprint !== fingerprint) {
      throw badRequest(`fingerprints don't match, got ${fingerprint} expected ${input.fingerprint}`)
    }
    using _lock = await this.#locks.take(fingerprint)
    const home = this.#effective(project)
    if (this.#records.get(home, fingerprint)) throw conflict('Image with same fingerprint already exists')
    const names = this.aliases.additions(home, fingerprint, input.aliases ?? [])
    const { run, log, limits } = this.#options
    const metadata = await examineImage(upload.paths, { ...work, run, limits })
    work.signal?.throwIfAborted()

    const image = newRecord({ home, upload, metadata, input })
    await using undo = new Undo((what, error) => log.error(what, { error: explain(error) }))
    if (!this.#isShared(fingerprint)) {
      undo.add('Remove the files of the image', () => this.#files.remove(image))
      await this.#files.adopt(upload.paths, image)
    }
    const replaced = input.origin?.replaces
    await this.#commit({ after: image, with: joined(names, replaced && this.#succession(replaced, fingerprint)) })
    undo.keep()
    this.#tell('image-created', image, requestor, { type: image.type })
    if (replaced) await this.#release(replaced)
    return image
  }

  /** Gives an image that is there already what its import would have given it. */
  async renew(image: ImageRecord, input: ImportInput, requestor?: Requestor): Promise<ImageRecord> {
    using _lock = await this.#locks.take(image.fingerprint)
    const before = this.#stored(image)
    const { value } = before
    const { origin } = input
    const updateSource = origin?.updateSource ?? value.updateSource
    const after: ImageRecord = {
      ...value,
      public: value.public || input.public,
      autoUpdate: value.autoUpdate || origin?.autoUpdate === true,
      // What someone asked for by itself is no longer one that may go when nobody uses it.
      cached: value.cached && origin?.cached === true,
      properties: { ...value.properties, ...input.properties },
      profiles: input.profiles ?? value.profiles,
      ...(updateSource ? { updateSource } : {}),
    }
    const names = this.aliases.additions(value.project, value.fingerprint, input.aliases ?? [])
    const replaced = origin?.replaces
    await this.#commit({
      before,
      after,
      with: joined(names, replaced && this.#succession(replaced, value.fingerprint)),
    })
    this.#tell('image-updated', after, requestor)
    if (replaced) await this.#release(replaced)
    return after
  }

  /** Replaces what a client may say of an image. */
  async update(image: ImageRecord, input: ImageInput, requestor?: Requestor): Promise<void> {
    using _lock = await this.#locks.take(image.fingerprint)
    const before = this.#stored(image)
    const after: ImageRecord = {
      ...before.value,
      public: input.public,
      autoUpdate: input.autoUpdate,
      // Clients unset a property by making it empty.
      properties: withoutEmpty(input.properties),
      profiles: input.profiles ?? ['default'],
      expiresAt: input.expiresAt ?? before.value.expiresAt,
    }
    await this.#commit({ before, after })
    this.#tell('image-updated', after, requestor)
  }

  /** Removes an image and its aliases from its project. Instances made from it stay. */
  async delete(image: ImageRecord, requestor?: Requestor): Promise<void> {
    const { fingerprint, project } = image
    using _lock = await this.#locks.take(fingerprint)
    const before = this.#stored(image)
    await this.#commit({ before, with: this.aliases.removal(project, fingerprint) })
    this.#tell('image-deleted', image, requestor)
    await this.#release(image)
  }

  /** Reports on what was done with an image. */
  tell(
    action: 'image-retrieved' | 'image-refreshed' | 'image-secret-created',
    image: ImageRecord,
    requestor?: Requestor,
  ): void {
    this.#tell(action, image, requestor)
  }

  async #touch(image: ImageRecord): Promise<void> {
    using _lock = await this.#locks.take(image.fingerprint)
    const before = this.#stored(image)
    await this.#commit({ before, after: { ...before.value, lastUsedAt: new Date().toISOString() } })
  }

  /** The writes with which an image takes over another's aliases and place. */
  #succession(old: ImageRecord, fingerprint: string): Writes {
    const { project } = old
    const found = this.#records.get(project, old.fingerprint)
    if (!found) return { changes: [], expect: [] }
    const gone: Writes = {
      changes: [this.#records.delete(project, old.fingerprint)],
      expect: [this.#records.expect(found.revision, project, old.fingerprint)],
    }
    return joined(this.aliases.moves(project, old.fingerprint, fingerprint), gone)
  }

  /** Removes the files of an image that its project has given up, if no other has it. */
  async #release(image: ImageRecord): Promise<void> {
    const { fingerprint } = image
    if (this.#isShared(fingerprint)) return
    await this.#files.remove(image)
    await this.#options.onUnused?.(fingerprint)
  }

  /** The project whose images are meant in `project`. */
  homeOf(project: string): string {
    return this.#effective(project)
  }

  #effective(project: string): string {
    return this.#options.projects.effective(project, 'images')
  }

  #isShared(fingerprint: string): boolean {
    return this.#records.list().some(({ value }) => value.fingerprint === fingerprint)
  }

  #stored({ project, fingerprint }: ImageRecord): Stored<ImageRecord> {
    const found = this.#records.get(project, fingerprint)
    if (!found) throw notFound('Image not found')
    return found
  }

  /** The one way an image is written. */
  async #commit({ before, after, with: more }: Commit): Promise<void> {
    const { store, policy } = this.#options
    const image = after ?? before?.value
    if (!image) return
    if (after) this.#check(after, before?.value.profiles ?? [])
    const names = [image.project, image.fingerprint]
    const changes = more?.changes ?? []
    const compare = [this.#records.expect(before?.revision ?? 0, ...names), ...(more?.expect ?? [])]
    if (after) await policy.commit({ image: after }, [this.#records.put(after, ...names), ...changes], compare)
    else await store.commit([this.#records.delete(...names), ...changes], compare)
  }

  #check(image: ImageRecord, formerProfiles: readonly string[]): void {
    for (const [name, value] of Object.entries(image.properties)) {
      if (name === '' || /\p{Cc}/u.test(name)) {
        throw badRequest(`Invalid image property "${name.slice(0, 100)}": expected a name without control characters`)
      }
      if (value.includes('\0')) throw badRequest(`Invalid image property "${name}": it has a null character`)
    }
    const known = new Set([...this.profilesOf(image), ...formerProfiles])
    const unknown = image.profiles.find((name) => !known.has(name))
    if (unknown !== undefined) throw badRequest(`Profile '${unknown}' doesn't exist`)
  }

  #tell(action: string, { project, fingerprint }: ImageRecord, requestor?: Requestor, context?: object): void {
    const query = project === 'default' ? '' : `?project=${encodeURIComponent(project)}`
    const source = `/1.0/images/${fingerprint}${query}`
    this.#options.events.lifecycle({ action, source, project, requestor, ...(context ? { context } : {}) })
  }
}

function pick(images: readonly ImageRecord[], prefix: string): ImageRecord {
  const found = /^[0-9a-f]+$/.test(prefix) ? images.filter(({ fingerprint }) => fingerprint.startsWith(prefix)) : []
  const [image, other] = found
  if (other) throw badRequest('More than one image matches')
  if (!image) throw notFound('Image not found')
  return image
}

/** What is written of an image that comes in. */
function newRecord(parts: {
  readonly home: string
  readonly upload: Upload
  readonly metadata: ImageMetadata
  readonly input: ImportInput
}): ImageRecord {
  const { home, upload, metadata, input } = parts
  const { origin } = input
  return {
    project: home,
    fingerprint: upload.fingerprint,
    type: 'container',
    architecture: metadata.architecture,
    filename: origin ? cleanFilename(origin.filename) : upload.filename,
    size: upload.size,
    split: upload.paths.rootfs !== undefined,
    public: input.public,
    autoUpdate: origin?.autoUpdate ?? false,
    cached: origin?.cached ?? false,
    properties: { ...(origin?.properties ?? metadata.properties), ...input.properties },
    profiles: input.profiles ?? ['default'],
    createdAt: metadata.createdAt,
    expiresAt: input.expiresAt ?? origin?.expiresAt ?? metadata.expiresAt,
    // What takes the place of an image that nobody uses is not used for that.
    lastUsedAt: origin?.replaces?.lastUsedAt ?? never,
    uploadedAt: new Date().toISOString(),
    ...(origin?.updateSource ? { updateSource: origin.updateSource } : {}),
  }
}

function joined(one: Writes, other: Writes | undefined): Writes {
  if (!other) return one
  return { changes: [...one.changes, ...other.changes], expect: [...one.expect, ...other.expect] }
}
