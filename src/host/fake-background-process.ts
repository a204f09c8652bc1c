import type { BackgroundProgram, BackgroundPrograms } from './background-process.ts'

/** {@link BackgroundPrograms} in memory, for tests. */
export class FakeBackgroundPrograms implements BackgroundPrograms {
  readonly running = new Map<string, BackgroundProgram>()
  /** Thrown by every start. */
  failure: Error | undefined

  async start(program: BackgroundProgram): Promise<void> {
    if (this.failure) throw this.failure
    this.running.set(program.mark, program)
  }

  async stop(mark: string): Promise<void> {
    this.running.delete(mark)
  }

  async sweep(directory: string, known: ReadonlySet<string>): Promise<void> {
    for (const mark of this.running.keys()) {
      if (mark.startsWith(`${directory}/`) && !known.has(mark)) this.running.delete(mark)
    }
  }
}
