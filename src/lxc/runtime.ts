import type { IdMap } from '#base/idmap.ts'
import type { Readable, Writable } from 'node:stream'

/** What a container is doing, in liblxc's words. */
export type RuntimeStatus = 'stopped' | 'starting' | 'running' | 'stopping' | 'aborting' | 'freezing' | 'frozen'

/** One line of a liblxc configuration (lxc.container.conf(5)). The serializer refuses control characters. */
export type LxcItem = readonly [key: string, value: string]

/** How a container came to its end: it stopped, or asked to be rebooted. */
export type StopTarget = 'stop' | 'reboot'

export interface StartOptions {
  /** The container's name at the runtime: `c1`, or `project_c1` outside the default project. */
  readonly name: string
  readonly config: readonly LxcItem[]
}

export interface ExecOptions {
  readonly name: string
  readonly command: readonly string[]
  /** The whole environment of the command. */
  readonly env: Readonly<Record<string, string>>
  readonly uid: number
  readonly gid: number
  /** Directory inside the container the command starts in. */
  readonly cwd: string
  /** With a size the command gets a terminal; without, three pipes. */
  readonly terminal: { readonly width: number; readonly height: number } | undefined
}

/** A command running inside a container. */
export interface ExecProcess {
  /** Its process id as the host sees it. */
  readonly pid: number
  /** What the command reads; with a terminal, what is typed. */
  readonly stdin: Writable
  /** What the command writes; with a terminal, all of it. */
  readonly stdout: Readable
  /** Undefined where there is a terminal. */
  readonly stderr: Readable | undefined
  /** Resolves once the command has ended and its output was read: exit code, 128 + signal, 126, 127. */
  readonly exit: Promise<number>
  resize(width: number, height: number): void
  /** Sends a signal to the command itself. */
  signal(number: number): void
  /** Ends the command and everything it holds. */
  kill(): void
}

/** Container engine: what the rest of the daemon needs of liblxc. The fake is beside it. */
export interface Runtime {
  /** The version of liblxc. */
  readonly version: string
  /** The features LXD reports as `lxc_features`, as found. */
  readonly features: Readonly<Record<string, boolean>>
  /** Starts a container. Resolves, once its init runs, to the init's process id. Throws with the log's last lines. */
  start(options: StartOptions): Promise<number>
  /** Asks the init to shut down (the halt signal). Does not wait. */
  shutdown(name: string): void
  /** Ends all processes at once and waits until the monitor is gone. No failure if it is stopped already. */
  kill(name: string): Promise<void>
  freeze(name: string): Promise<void>
  unfreeze(name: string): Promise<void>
  /** Answered from memory and /proc, never by a program. */
  status(name: string): RuntimeStatus
  /** The process id of the init, or undefined where it is not running. */
  initPid(name: string): number | undefined
  /** The map of the running container's user namespace, as it was started with. */
  exec(options: ExecOptions): Promise<ExecProcess>
  /** Sets an item of the cgroup of a running container, such as `memory.max`. */
  setCgroup(name: string, item: string, value: string): Promise<void>
  /**
   * Calls `listener` each time a container has ended, also for those that ended while the daemon was away (told at
   * the first call). By then its processes and its monitor are gone.
   */
  onStopped(listener: (name: string, target: StopTarget) => void): void
  /** Takes up the containers that run already, at the start of the daemon. */
  adopt(names: readonly string[]): Promise<void>
  /** Lets go of everything; containers run on. */
  close(): Promise<void>
}

/** The lines that map ids (`lxc.idmap`), none for a privileged container. */
export function idmapItems(map: IdMap): LxcItem[] {
  return map.flatMap(({ kind, inside, host, count }) => {
    const letters = kind === 'both' ? ['u', 'g'] : [kind === 'uid' ? 'u' : 'g']
    return letters.map((letter): LxcItem => ['lxc.idmap', `${letter} ${inside} ${host} ${count}`])
  })
}
