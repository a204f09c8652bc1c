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
  /** How the server is configured now. */
  readonly settings: () => {
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
  #updatedAt = -Infinity
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

  /** Brings every image up to date that is to be. One that can't be is said in the log and stays. */
  async updateAll(work: Work): Promise<void> {
    for (const image of this.#all()) {
      if (!image.autoUpdate || !image.updateSource) continue
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
    for (const image of this.#all()) if (this.#isExpired(image, now)) await this.#remove(image)
  }

  /** Starts what is due by the configuration. To be called from time to time. */
  async doWhatIsDue(now = Date.now()): Promise<void> {
    const { operations, settings } = this.#options
    const { interval } = settings()
    if (interval > 0 && now - this.#updatedAt >= interval * hour) {
      this.#updatedAt = now
      if (this.#all().some((image) => image.autoUpdate && image.updateSource)) {
        const work = (parts: Work) => this.updateAll(parts)
        operations.start({ description: 'Updating images', project: '', mayCancel: true, work })
      }
    }
    if (now - this.#expiredAt < day) return
    this.#expiredAt = now
    if (!this.#all().some((image) => this.#isExpired(image, now))) return
    operations.start({ description: 'Cleaning up expired images', project: '', work: () => this.removeExpired() })
  }

  #all(): ImageRecord[] {
    const { images, projects } = this.#options
    const homes = projects().filter((project) => images.homeOf(project) === project)
    return homes.flatMap((project) => images.list(project))
  }

  #isExpired({ cached, lastUsedAt, uploadedAt }: ImageRecord, now: number): boolean {
    const { expiry } = this.#options.settings()
    const used = Math.max(Date.parse(lastUsedAt), Date.parse(uploadedAt))
    return cached && now - used > expiry * day
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
