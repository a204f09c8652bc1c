import { newSecret } from '#base/id.ts'
import { sameSecret } from '#base/same-secret.ts'
import type { ImportInput } from './images.ts'

/** What another server is expected to send. */
export interface ExpectedImage {
  /** The project it was asked for in. */
  readonly project: string
  readonly fingerprint: string
  /** What the client that asked for it says of it. */
  readonly input: ImportInput
}

interface Entry extends ExpectedImage {
  readonly spent: PromiseWithResolvers<void>
}

/** Secrets with which another server may send one image that a client has announced, once. */
export class PushSecrets {
  readonly #entries = new Map<string, Entry>()

  /** A secret for an image that is to come, good until `spent` resolves or `revoke` is called. */
  add(expected: ExpectedImage): { secret: string; spent: Promise<void>; revoke: () => void } {
    const secret = newSecret()
    const spent = Promise.withResolvers<void>()
    this.#entries.set(secret, { ...expected, spent })
    return { secret, spent: spent.promise, revoke: () => this.#entries.delete(secret) }
  }

  /** What the secret was given out for; from then on it is good for nothing. */
  take(secret: string, { project, fingerprint }: Omit<ExpectedImage, 'input'>): ExpectedImage | undefined {
    for (const [known, entry] of this.#entries) {
      if (entry.project !== project || entry.fingerprint !== fingerprint || !sameSecret(known, secret)) continue
      this.#entries.delete(known)
      entry.spent.resolve()
      return entry
    }
    return undefined
  }
}
