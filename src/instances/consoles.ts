import { badRequest } from '#base/failure.ts'
import type { ExecProcess, Runtime } from '#lxc/runtime.ts'
import { ExecSession } from './exec-session.ts'

/** How a console is wanted. Zero sizes are 80 by 25. */
export interface ConsoleOptions {
  readonly width: number
  readonly height: number
  /** Disconnects who is connected. */
  readonly force: boolean
}

/** The sessions with consoles: one for each instance at most, for what is typed is not to be mixed. */
export class Consoles {
  readonly #runtime: Runtime
  readonly #open = new Map<string, ExecProcess>()
  /** Who was let at each console last. */
  readonly #owners = new Map<string, symbol>()

  constructor(runtime: Runtime) {
    this.#runtime = runtime
  }

  /** A session that begins when its client has connected. Throws a Failure where the instance doesn't run. */
  connect(name: string, { width, height, force }: ConsoleOptions): ExecSession {
    if (this.#runtime.status(name) === 'stopped') throw badRequest('Instance is not running')
    const there = this.#open.get(name)
    if (there && !force) throw badRequest('There is already an active console for this instance')
    there?.kill()
    const mine = Symbol(name)
    this.#owners.set(name, mine)
    return new ExecSession({
      terminal: true,
      // This is how LXD's client detaches.
      endsWithControl: true,
      start: async () => {
        if (this.#owners.get(name) !== mine) throw badRequest('The console was taken over')
        const process = await this.#runtime.console(name, { width: width || 80, height: height || 25 })
        this.#open.set(name, process)
        void process.exit.then(() => {
          if (this.#open.get(name) === process) this.#open.delete(name)
        })
        return process
      },
    })
  }
}
