import { explain } from '#base/failure.ts'
import type { Log } from '#base/log.ts'

export interface Repeated {
  /** For the log, should it fail: `Pruning warnings`. */
  readonly name: string
  /** Milliseconds from one end to the next start. */
  readonly pause: number
  readonly log: Log
  readonly work: () => Promise<void>
}

/** Does something again and again, from now on, until disposed. */
export function repeat({ name, pause, log, work }: Repeated): Disposable {
  let timer: NodeJS.Timeout
  const next = (): void => {
    timer = setTimeout(() => void once(), pause)
    timer.unref()
  }
  const once = async (): Promise<void> => {
    await work().catch((error: unknown) => log.error(`${name} failed`, { error: explain(error) }))
    if (!stopped) next()
  }
  let stopped = false
  next()
  return {
    [Symbol.dispose]() {
      stopped = true
      clearTimeout(timer)
    },
  }
}
