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
  /** The text of the seccomp profile in liblxc's format, or undefined for none. */
  readonly seccomp?: string | undefined
}

export interface ExecOptions {
  readonly name: string
  readonly command: readonly string[]
  /** The whole environment of the command. */
  readonly env: Readonly<Record<string, string>>
  readonly uid: number
  readonly gid: number
  /** Directory inside the container the command starts in; `/` is taken where it does not exist. */
  readonly cwd: string
  /**
   * `pipes`: three pipes. A terminal of a size. Or descriptors of files for output and errors, with nothing to read;
   * they stay open here.
   */
  readonly streams:
    'pipes' | { readonly width: number; readonly height: number } | { readonly output: number; readonly errors: number }
}

/** A command running inside a container. */
export interface ExecProcess {
  /** What the command reads; with a terminal, what is typed. None where the output goes to files. */
  readonly stdin: Writable | undefined
  /** What the command writes; with a terminal, all of it. */
  readonly stdout: Readable | undefined
  readonly stderr: Readable | undefined
  /** Resolves once the command has ended: exit code, 128 + signal, 126, 127. Its output may still have to be read. */
  readonly exit: Promise<number>
  /** Does nothing where there is no terminal. */
  resize(width: number, height: number): void
  /** Sends a signal to the command itself. */
  signal(number: number): void
  /** Ends the command by force, and what shares its process group. */
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
  /** Runs a command. Throws a Failure where the container does not run. */
  exec(options: ExecOptions): Promise<ExecProcess>
  /**
   * Connects to the console of a running container, at most one at a time. The process is the connection: it ends when
   * the container does, and any signal ends it.
   */
  console(name: string, size: { readonly width: number; readonly height: number }): Promise<ExecProcess>
  /**
   * Where the control groups of a running container are, by controller (`memory`, `pids`, …); the version 2 group is
   * also there as `unified`. Empty where it does not run.
   */
  cgroups(name: string): ReadonlyMap<string, string>
  /** Sets a file of a running container's control groups, such as `memory.max`, found by what is before the dot. */
  setCgroup(name: string, item: string, value: string): Promise<void>
  /** Lets a running container use a device, or no more: `rule` is one of devices.allow, such as `c 1:3 rwm`. */
  setDeviceRule(name: string, action: 'allow' | 'deny', rule: string): Promise<void>
  /**
   * Calls `listener` each time a container that ran has ended, `kill` included (before that resolves). By then its
   * processes and its monitor are gone. To be called once, before {@link adopt}.
   */
  onStopped(listener: (name: string, target: StopTarget) => void): void
  /**
   * Takes up the containers that run already, at the start of the daemon, before anything else. Those that ended while
   * the daemon was away are told to the listener. What is not in `names`, and what a crash left half started, is killed.
   */
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
