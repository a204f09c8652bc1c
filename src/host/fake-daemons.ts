import type { DaemonIdentity, Daemons, RunningDaemon } from './daemons.ts'

/** {@link Daemons} in memory, for tests. */
export class FakeDaemons implements Daemons {
  readonly running = new Map<string, RunningDaemon>()
  /** The pids that were told to reload, in order. */
  readonly reloads: number[] = []
  /** Thrown by every start. */
  failure: Error | undefined
  #pids = 100

  find({ mark }: DaemonIdentity): RunningDaemon | undefined {
    return this.running.get(mark)
  }

  start({ mark }: DaemonIdentity, args: readonly string[]): Promise<void> {
    if (this.failure) return Promise.reject(this.failure)
    this.running.set(mark, { pid: this.#pids++, startTime: '1', args, ready: true })
    return Promise.resolve()
  }

  reload({ pid }: RunningDaemon): void {
    this.reloads.push(pid)
  }

  stop({ pid }: RunningDaemon): Promise<void> {
    for (const [mark, daemon] of this.running) if (daemon.pid === pid) this.running.delete(mark)
    return Promise.resolve()
  }
}
