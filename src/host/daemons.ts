import { readdirSync, readFileSync, readlinkSync } from 'node:fs'
import { setTimeout as sleep } from 'node:timers/promises'
import { run as runProgram } from './run.ts'
import type { Run } from './run.ts'

/** A helper that outlives this process, such as the dnsmasq of a bridge. */
export interface DaemonIdentity {
  /** The program; it must go into the background by itself, once it is ready, and write its pid file. */
  readonly program: string
  /** An argument that no other process of the host is started with, by which it is found again. */
  readonly mark: string
  readonly pidFile: string
}

/** A helper as it runs. */
export interface RunningDaemon {
  readonly pid: number
  /** In clock ticks since boot: with the pid it names a process for good. */
  readonly startTime: string
  /** Its arguments, without the name of the program. */
  readonly args: readonly string[]
  /** Whether its pid file names it, which it writes once it is ready. */
  readonly ready: boolean
}

/** Helpers that run on when this process ends, and are taken up again by the next. */
export interface Daemons {
  /** The helper, if it runs: by its pid file, or else by its mark among all processes. */
  find(daemon: DaemonIdentity): RunningDaemon | undefined
  /** Resolves once the helper is ready. Throws with what it printed where it refuses to start. */
  start(daemon: DaemonIdentity, args: readonly string[]): Promise<void>
  /** Makes it read its files again. */
  reload(running: RunningDaemon): void
  /** Ends it and waits until it is gone; kills it where that takes more than five seconds. */
  stop(running: RunningDaemon): Promise<void>
}

/** Helpers among the processes of the host. */
export function hostDaemons(run: Run = runProgram): Daemons {
  return {
    find(daemon) {
      const pid = Number.parseInt(readText(daemon.pidFile), 10)
      const known = pid > 0 ? examine(daemon, pid) : undefined
      return known ?? search(daemon)
    },
    async start({ program }, args) {
      await run(program, args, { timeout: 30_000 })
    },
    reload(running) {
      signal(running, 'SIGHUP')
    },
    async stop(running) {
      for (const [name, patience] of [
        ['SIGTERM', 5000],
        ['SIGKILL', 5000],
      ] as const) {
        signal(running, name)
        for (const end = Date.now() + patience; Date.now() < end; await sleep(5)) {
          if (startTimeOf(running.pid) !== running.startTime) return
        }
      }
      throw new Error(`Cannot stop process ${running.pid}: it does not end`)
    },
  }
}

function search(daemon: DaemonIdentity): RunningDaemon | undefined {
  for (const entry of readdirSync('/proc')) {
    const found = /^\d+$/.test(entry) ? examine(daemon, Number(entry)) : undefined
    if (found) return found
  }
  return undefined
}

/** The process as our helper, or undefined: a pid file may be stale, and anyone may give a process any arguments. */
function examine({ program, mark, pidFile }: DaemonIdentity, pid: number): RunningDaemon | undefined {
  // First: one in a container could hold up whoever reads its arguments.
  if (!startedByRoot(pid) || namespaceOf(pid) !== namespaceOf('self')) return undefined
  const [name = '', ...args] = readText(`/proc/${pid}/cmdline`).split('\0').slice(0, -1)
  if (name.split('/').at(-1) !== program || !args.includes(mark)) return undefined
  const startTime = startTimeOf(pid)
  const ready = Number.parseInt(readText(pidFile), 10) === pid
  return startTime === undefined ? undefined : { pid, startTime, args, ready }
}

/**
 * Whether only root can have started it: it runs as root or as a system account that nobody logs in to. What root
 * started and then gave up its rights can not be told from its uid alone.
 */
function startedByRoot(pid: number): boolean {
  const uid = Number(/^Uid:\s+(\d+)/m.exec(readText(`/proc/${pid}/status`))?.[1] ?? -1)
  return (uid >= 0 && uid < 1000) || uid === 65_534
}

function namespaceOf(pid: number | 'self'): string {
  try {
    return readlinkSync(`/proc/${pid}/ns/net`)
  } catch {
    return ''
  }
}

/** Field 22 of proc_pid_stat(5); undefined where the process is gone or only waits to be reaped. */
function startTimeOf(pid: number): string | undefined {
  const stat = readText(`/proc/${pid}/stat`)
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ')
  return fields[0] === 'Z' || fields[0] === 'X' ? undefined : fields[19]
}

function signal({ pid, startTime }: RunningDaemon, name: NodeJS.Signals): void {
  if (startTimeOf(pid) !== startTime) return
  try {
    process.kill(pid, name)
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ESRCH') throw error
  }
}

function readText(file: string): string {
  try {
    return readFileSync(file, 'utf8')
  } catch {
    return ''
  }
}
