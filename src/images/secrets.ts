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

  /** Whether a client that gave `secret` may have the image. The first time starts the secret's end. */
  allows(secret: string | undefined, { project, fingerprint }: ImageRecord): boolean {
    if (secret === undefined) return false
    for (const [known, entry] of this.#entries) {
      if (entry.project !== project || entry.fingerprint !== fingerprint || !sameSecret(known, secret)) continue
      if (!entry.used) this.#use(known, entry)
      return true
    }
    return false
  }

  #use(secret: string, entry: Entry): void {
    entry.used = true
    setTimeout(() => {
      this.#entries.delete(secret)
      entry.spent.resolve()
    }, goodFor).unref()
  }
}
