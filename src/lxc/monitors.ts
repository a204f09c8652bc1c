import { readFileSync } from 'node:fs'
import { mkdir, readFile, readdir, rename, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import {
  childrenOf,
  findProcess,
  isAlive,
  namespacePids,
  ownProcesses,
  sendSignal,
  waitForEnd,
} from '#host/processes.ts'
import type { ProcessId } from '#host/processes.ts'
import type { StopTarget } from './runtime.ts'

/** What is kept on disk of a container from when its start succeeded until its end was taken notice of. */
export interface Monitor {
  /** liblxc's process beside the container; it outlives the daemon, and the container does not outlive it. */
  readonly monitor: ProcessId
  readonly init: ProcessId
  /** The signal that asks the init to shut down, where the configuration names one. */
  readonly haltSignal?: number
}

interface Stored extends Monitor {
  /** Process numbers and start times mean nothing after a reboot of the host. */
  readonly boot: string
}

const sigkill = 9

/**
 * The monitors of the containers below one lxcpath, and the notes about them in a directory of the daemon's: a file for
 * each running container, and in `ended/` one for each that has ended, written by the post-stop hook.
 */
export class Monitors {
  readonly directory: string
  readonly #lxcpath: string
  readonly #boot = readFileSync('/proc/sys/kernel/random/boot_id', 'latin1').trim()

  constructor(options: { readonly directory: string; readonly lxcpath: string }) {
    this.directory = options.directory
    this.#lxcpath = options.lxcpath
  }

  /** Where the post-stop hook writes. */
  get endedDirectory(): string {
    return join(this.directory, 'ended')
  }

  async prepare(): Promise<void> {
    await mkdir(this.endedDirectory, { recursive: true, mode: 0o700 })
  }

  async write(name: string, monitor: Monitor): Promise<void> {
    const stored: Stored = { boot: this.#boot, ...monitor }
    const temporary = join(this.directory, `.${name}`)
    await writeFile(temporary, JSON.stringify(stored), { mode: 0o600 })
    await rename(temporary, join(this.directory, name))
  }

  /** What was noted of each container, whether it still runs or not; not those noted before a reboot of the host. */
  async read(): Promise<Map<string, Monitor | undefined>> {
    const found = new Map<string, Monitor | undefined>()
    for (const entry of await readdir(this.directory, { withFileTypes: true })) {
      if (!entry.isFile()) continue
      if (entry.name.startsWith('.')) await rm(join(this.directory, entry.name), { force: true })
      else {
        const stored = await this.#readOne(entry.name)
        if (stored?.boot === this.#boot) found.set(entry.name, isAlive(stored.monitor) ? stored : undefined)
      }
    }
    return found
  }

  async #readOne(name: string): Promise<Stored | undefined> {
    try {
      return JSON.parse(await readFile(join(this.directory, name), 'utf8')) as Stored
    } catch {
      // A host that lost power may have left an empty file.
      return undefined
    }
  }

  /** How a container came to its end: `stop` where the hook could not tell. */
  async readTarget(name: string): Promise<StopTarget> {
    const text = await readFile(join(this.endedDirectory, name), 'utf8').catch(() => '')
    return text.trim() === 'reboot' ? 'reboot' : 'stop'
  }

  /** The containers of which the hook has written. */
  async ended(): Promise<string[]> {
    return (await readdir(this.endedDirectory)).filter((name) => !name.startsWith('.'))
  }

  /** Forgets all notes of a container. */
  async forget(name: string): Promise<void> {
    await rm(join(this.endedDirectory, name), { force: true })
    await rm(join(this.directory, name), { force: true })
  }

  /** The container of a monitor that has just been started: its process and the init's, if both are there. */
  inspect(pid: number): Monitor | undefined {
    const monitor = findProcess(pid)
    // A hook is a child of the monitor too, but in no PID namespace of its own.
    const init = childrenOf(pid).find((child) => isInit(child))
    const initProcess = init === undefined ? undefined : findProcess(init)
    return monitor && initProcess ? { monitor, init: initProcess } : undefined
  }

  /**
   * Kills all that belongs to the containers asked for, found by command lines: programs that are starting them, their
   * inits, their monitors. The names of those of which there was something.
   */
  async killStrays(isStray: (name: string) => boolean): Promise<ReadonlySet<string>> {
    const names = new Set<string>()
    let quiet = 0
    // One that forks, or changes its command line, while the list is read escapes it once but not twice.
    for (let round = 0; round < 100 && quiet < 2; round++) {
      const strays = (await this.#find()).filter(({ name }) => isStray(name))
      quiet = strays.length === 0 ? quiet + 1 : 0
      for (const { name } of strays) names.add(name)
      for (const stray of strays) this.#kill(stray, round)
      await Promise.all(strays.map(({ process }) => waitForEnd(process, 100)))
      await delay(5)
    }
    return names
  }

  /** The init goes first: its monitor then cleans up behind it. One that does not come to that is killed as well. */
  #kill({ process, starting }: Stray, round: number): void {
    const children = childrenOf(process.pid).map((pid) => findProcess(pid))
    const inits = children.filter((child) => child !== undefined).filter(({ pid }) => isInit(pid))
    for (const init of inits) sendSignal(init, sigkill)
    if (starting || inits.length === 0 || round > 20) sendSignal(process, sigkill)
  }

  async #find(): Promise<Stray[]> {
    const prefix = `[lxc monitor] ${this.#lxcpath} `
    return (await ownProcesses()).flatMap(({ pid, commandLine }) => {
      const words = commandLine.split('\0')
      const starting = words[0] === 'lxc-start' && words[3] === '-P' && words[4] === this.#lxcpath
      const name = starting ? words[2] : commandLine.startsWith(prefix) ? words[0]?.slice(prefix.length) : undefined
      const process = findProcess(pid)
      return name !== undefined && process ? [{ name, process, starting }] : []
    })
  }
}

interface Stray {
  readonly name: string
  readonly process: ProcessId
  /** Whether it is the program that starts a container rather than the monitor it becomes. */
  readonly starting: boolean
}

function isInit(pid: number): boolean {
  const pids = namespacePids(pid)
  return pids.length === 2 && pids[1] === 1
}
