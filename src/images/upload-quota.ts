import { forbidden } from '#base/failure.ts'

/** Counts what one upload brings. Disposed when the upload has become an image, or has gone. */
export interface UploadMeter extends Disposable {
  /** Throws a forbidden Failure where these bytes are more than the project may still take. */
  take(bytes: number): void
}

/** What all uploads into a project may bring together while none of it counts as an image yet. */
export class UploadQuota {
  readonly #budget: (project: string) => number | undefined
  readonly #received = new Map<string, number>()

  /** `budget` says how many bytes a project may still take, undefined where there is no limit. */
  constructor(budget: (project: string) => number | undefined) {
    this.#budget = budget
  }

  open(project: string): UploadMeter {
    const budget = this.#budget(project)
    let own = 0
    const count = (bytes: number) => {
      own += bytes
      const total = (this.#received.get(project) ?? 0) + bytes
      if (total > 0) this.#received.set(project, total)
      else this.#received.delete(project)
      return total
    }
    return {
      take(bytes) {
        const total = count(bytes)
        if (budget !== undefined && total > budget) {
          throw forbidden(`reached ${total} bytes, exceeding quota of ${budget}`)
        }
      },
      [Symbol.dispose]() {
        count(-own)
      },
    }
  }
}
