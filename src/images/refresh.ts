import { badRequest, explain, Failure } from '#base/failure.ts'
import type { Log } from '#base/log.ts'
import type { Work } from '#base/progress.ts'
import type { Requestor } from '#events/events.ts'
import type { Operations } from '#operations/operations.ts'
import type { ImageRecord } from '#store/image-record.ts'
import type { Downloads } from './downloads.ts'
import type { Images } from './images.ts'

export interface ImageRefreshOptions {
  readonly images: Images
  readonly downloads: Downloads
  readonly operations: Operations
  readonly log: Log
  /** The projects there are. */
  readonly projects: () => readonly string[]
  /** How the images of a project are to be looked after now. */
  readonly settings: (project: string) => {
    /** Hours between two looks at the sources; 0 for never. */
    readonly interval: number
    /** Days after which an image nobody has used goes, if it was fetched only because someone needed it. */
    readonly expiry: number
  }
}

const hour = 3_600_000
const day = 24 * hour

/** Keeps images up to date with where they came from, and removes those that were fetched and are not used any more. */
export class ImageRefresh {
  readonly #options: ImageRefreshOptions
  /** When the images of each project were last looked after. */
  readonly #updatedAt = new Map<string, number>()
  #expiredAt = -Infinity

  constructor(options: ImageRefreshOptions) {
    this.#options = options
  }

  /**
   * Puts the newest image of its source in the place of one, with its aliases, profiles and public face. Gives the image
   * that is there then.
   */
  async refresh(image: ImageRecord, work: Work, requestor?: Requestor): Promise<ImageRecord> {
    const { images, downloads } = this.#options
    const { updateSource } = image
    if (!updateSource) {
      throw badRequest(
        `Failed to update image "${image.fingerprint}" in project "${image.project}": Image source not found`,
      )
    }
    const { alias, ...source } = updateSource
    const now = await downloads.fetch(
      {
        project: image.project,
        source: { ...source, name: alias, secret: '' },
        public: image.public,
        autoUpdate: true,
        cached: image.cached,
        properties: {},
        profiles: images.profilesOf(image),
        aliases: [],
        replaces: image,
        requestor,
      },
      work,
    )
    if (now.fingerprint !== image.fingerprint) images.tell('image-refreshed', now, requestor)
    return now
  }

  /** Brings the images of a project up to date that are to be. One that can't be is said in the log and stays. */
  async updateAll(project: string, work: Work): Promise<void> {
    for (const image of this.#options.images.list(project)) {
      if (!follows(image)) continue
      work.signal?.throwIfAborted()
      try {
        await this.refresh(image, work)
      } catch (error) {
        work.signal?.throwIfAborted()
        this.#options.log.warn('Cannot update an image', { image: image.fingerprint, error: explain(error) })
      }
    }
  }

  /** Removes what was fetched because someone needed it and was not used for as long as the configuration says. */
  async removeExpired(now = Date.now()): Promise<void> {
    for (const image of this.#expired(now)) await this.#remove(image)
  }

  /** Starts what is due by the configuration. To be called from time to time. */
  async doWhatIsDue(now = Date.now()): Promise<void> {
    const { operations, settings, images } = this.#options
    for (const project of this.#homes()) {
      const { interval } = settings(project)
      if (interval === 0 || now - (this.#updatedAt.get(project) ?? -Infinity) < interval * hour) continue
      this.#updatedAt.set(project, now)
      if (!images.list(project).some(follows)) continue
      const work = (parts: Work) => this.updateAll(project, parts)
      operations.start({ description: 'Updating images', project, mayCancel: true, work })
    }
    if (now - this.#expiredAt < day) return
    this.#expiredAt = now
    if (this.#expired(now).length === 0) return
    operations.start({ description: 'Cleaning up expired images', project: '', work: () => this.removeExpired() })
  }

  /** The projects that have images of their own. */
  #homes(): string[] {
    const { images, projects } = this.#options
    return projects().filter((project) => images.homeOf(project) === project)
  }

  #expired(now: number): ImageRecord[] {
    const { images, settings } = this.#options
    return this.#homes().flatMap((project) => {
      const { expiry } = settings(project)
      return images.list(project).filter((image) => image.cached && now - usedAt(image) > expiry * day)
    })
  }

  async #remove(image: ImageRecord): Promise<void> {
    try {
      await this.#options.images.delete(image)
    } catch (error) {
      // Someone was faster.
      if (error instanceof Failure && error.kind === 'not-found') return
      this.#options.log.warn('Cannot remove an unused image', { image: image.fingerprint, error: explain(error) })
    }
  }
}

function follows({ autoUpdate, updateSource }: ImageRecord): boolean {
  return autoUpdate && updateSource !== undefined
}

/** When an image was last used, or came, in milliseconds since 1970. */
function usedAt({ lastUsedAt, uploadedAt }: ImageRecord): number {
  return Math.max(Date.parse(lastUsedAt), 0) || Date.parse(uploadedAt)
}
