interface Step {
  readonly what: string
  readonly undo: () => unknown
}

/** Told of an undo step that failed itself. */
export type UndoReport = (what: string, error: unknown) => void

/**
 * The steps that would take back what an operation has done so far.
 *
 * Leaving the scope runs them, newest first, unless {@link Undo.keep} was
 * called. A step that fails is reported and the rest still run: the error that
 * caused the rollback is the one the caller must see.
 */
export class Undo implements AsyncDisposable {
  readonly #report: UndoReport
  #steps: Step[] = []

  constructor(report: UndoReport) {
    this.#report = report
  }

  /** Registers how to take something back, right after the thing has succeeded. */
  add(what: string, undo: () => unknown): void {
    this.#steps.push({ what, undo })
  }

  /** Everything worked: forgets all steps. */
  keep(): void {
    this.#steps = []
  }

  async [Symbol.asyncDispose](): Promise<void> {
    const steps = this.#steps.reverse()
    this.#steps = []
    for (const { what, undo } of steps) {
      try {
        await undo()
      } catch (error) {
        this.#report(what, error)
      }
    }
  }
}
