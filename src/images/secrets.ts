import { newSecret } from '#base/id.ts'
import { sameSecret } from '#base/same-secret.ts'
import type { ImageRecord } from '#store/image-record.ts'

/** Milliseconds a secret stays good after its first use: a client asks for the image, then for its files. */
const goodFor = 5000

interface Entry {
  readonly project: string
  readonly fingerprint: string
  used: boolean
  readonly spent: PromiseWithResolvers<void>
}

/** Secrets with which a client that is not trusted may fetch one private image, once. */
export class ImageSecrets {
  readonly #entries = new Map<string, Entry>()

  /** A secret for an image, good until `spent` resolves or `revoke` is called. */
  add({ project, fingerprint }: ImageRecord): { secret: string; spent: Promise<void>; revoke: () => void } {
    const secret = newSecret()
    const spent = Promise.withResolvers<void>()
    this.#entries.set(secret, { project, fingerprint, used: false, spent })
    return { secret, spent: spent.promise, revoke: () => this.#entries.delete(secret) }
  }

  /**
   * Whether a client that gave `secret` may have the image: look at it, for a while from the first time on, and fetch
   * its files, which ends the secret.
   */
  allows(secret: string, { project, fingerprint }: ImageRecord, use: 'look' | 'fetch'): boolean {
    for (const [known, entry] of this.#entries) {
      if (entry.project !== project || entry.fingerprint !== fingerprint || !sameSecret(known, secret)) continue
      if (use === 'fetch') this.#spend(known, entry)
      else if (!entry.used) setTimeout(() => this.#spend(known, entry), goodFor).unref()
      entry.used = true
      return true
    }
    return false
  }

  #spend(secret: string, { spent }: Entry): void {
    this.#entries.delete(secret)
    spent.resolve()
  }
}
