import { watch } from 'node:fs'
import type { FSWatcher } from 'node:fs'
import { chmod, mkdir, open, readFile, rename, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { Failure, explain, unavailable } from '#base/failure.ts'
import type { Log } from '#base/log.ts'
import { readHierarchies, writeCgroupFile } from '#host/cgroups.ts'
import { isAlive, sendSignal, statusField, waitForEnd } from '#host/processes.ts'
import type { Run } from '#host/run.ts'
import { keepDescriptors } from '#host/syscalls-process.ts'
import { attach } from './attach.ts'
import { connectConsole } from './console.ts'
import { ContainerCgroups } from './container-cgroups.ts'
import { liblxcFeatures, liblxcVersion } from './features.ts'
import { formatLxcConfig, quoteHookArgument } from './lxc-config.ts'
import { Monitors } from './monitors.ts'
import type { Monitor } from './monitors.ts'
import { parseSignal } from './signals.ts'
import type { ExecOptions, ExecProcess, LxcItem, Runtime, RuntimeStatus, StartOptions, StopTarget } from './runtime.ts'

interface Container extends Monitor {
  status: RuntimeStatus
  readonly cgroups: ReadonlyMap<string, string>
  readonly ended: PromiseWithResolvers<void>
  ending: boolean
}

export interface LiblxcOptions {
  /** `LXD_DIR`. */
  readonly directory: string
  readonly run: Run
  readonly log: Log
}

const postStopHook = fileURLToPath(new URL('hooks/post-stop', import.meta.url))
const sigkill = 9
const sigpwr = 30
/** SIGRTMIN+3, which systemd takes for "halt". */
const sigrtmin3 = 37

/**
 * Containers by liblxc's own programs.
 *
 * `lxc-start` leaves a monitor behind that holds the container; the daemon remembers both processes, on disk too, and
 * from then on needs nothing but `/proc`: it never asks a monitor anything, so that none that hangs can hold it up. A
 * container tells of its end by a hook that writes a file; that one was killed without running its hook is noticed by
 * looking at its monitor's process every second.
 */
export class Liblxc implements Runtime {
  readonly #directory: string
  readonly #run: Run
  readonly #log: Log
  readonly #monitors: Monitors
  readonly #cgroups = new ContainerCgroups(readHierarchies())
  readonly #containers = new Map<string, Container>()
  readonly #starting = new Set<string>()
  #listener: (name: string, target: StopTarget) => void = () => {}
  #watcher: FSWatcher | undefined
  #timer: NodeJS.Timeout | undefined

  constructor(options: LiblxcOptions) {
    this.#directory = options.directory
    this.#run = options.run
    this.#log = options.log
    this.#monitors = new Monitors({ directory: join(options.directory, 'monitors'), lxcpath: this.#lxcpath })
  }

  get #lxcpath(): string {
    return join(this.#directory, 'containers')
  }

  get version(): string {
    return liblxcVersion()
  }

  get features(): Readonly<Record<string, boolean>> {
    return liblxcFeatures()
  }

  async adopt(names: readonly string[]): Promise<void> {
    keepDescriptors()
    await this.#monitors.prepare()
    await mkdir(this.#lxcpath, { recursive: true, mode: 0o711 })
    const noted = await this.#monitors.read()
    const known = new Set(names)
    const killed = await this.#monitors.killStrays((name) => !known.has(name) || !noted.get(name))

    for (const [name, monitor] of noted) {
      if (!known.has(name) || !monitor) continue
      // One whose init is dead is about to end.
      if (isAlive(monitor.init) || !(await waitForEnd(monitor.monitor, 10_000))) await this.#take(name, monitor)
    }
    // Watching starts before the list of those that ended is read, so that none falls between.
    this.#watch()
    const gone = new Set([...names, ...killed, ...noted.keys(), ...(await this.#monitors.ended())])
    for (const name of gone) {
      if (this.#containers.has(name)) continue
      const target = await this.#monitors.readTarget(name)
      await this.#clean(name)
      if (known.has(name) && noted.has(name)) this.#tell(name, target)
    }
    for (const name of await this.#monitors.ended()) this.#notice(name)
  }

  #watch(): void {
    this.#watcher = watch(this.#monitors.endedDirectory, (_, name) => {
      if (name !== null && !name.startsWith('.')) this.#notice(name)
    })
    this.#timer = setInterval(() => {
      for (const [name, { monitor }] of this.#containers) if (!isAlive(monitor)) this.#notice(name)
    }, 1000)
    this.#timer.unref()
  }

  async #take(name: string, monitor: Monitor): Promise<void> {
    const cgroups = this.#cgroups.find(monitor.init.pid)
    const status = (await this.#cgroups.isFrozen(cgroups)) ? 'frozen' : 'running'
    const ended = Promise.withResolvers<void>()
    this.#containers.set(name, { ...monitor, status, cgroups, ended, ending: false })
  }

  async start({ name, config, seccomp }: StartOptions): Promise<number> {
    if (!/^[^\s/.-][^\s/]*$/.test(name)) throw new Error(`Invalid container name "${name}"`)
    if (this.status(name) !== 'stopped') throw unavailable(`Cannot start container "${name}": it runs already`)
    this.#starting.add(name)
    try {
      await this.#cgroups.removeStale(name)
      await this.#monitors.forget(name)
      await this.#writeFiles(name, config, seccomp)
      const monitor = await this.#startMonitor(name, config)
      await this.#monitors.write(name, monitor)
      await this.#take(name, monitor)
      // It may have ended before there was anyone to notice.
      if (!isAlive(monitor.monitor)) this.#notice(name)
      return monitor.init.pid
    } catch (error) {
      await this.#monitors.killStrays((stray) => stray === name)
      await this.#clean(name)
      throw error
    } finally {
      this.#starting.delete(name)
    }
  }

  async #writeFiles(name: string, config: readonly LxcItem[], seccomp: string | undefined): Promise<void> {
    const logs = this.#logs(name)
    await mkdir(logs, { recursive: true, mode: 0o700 })
    await rename(join(logs, 'lxc.log'), join(logs, 'lxc.log.old')).catch(() => {})
    if (seccomp !== undefined) {
      await mkdir(join(this.#directory, 'security', 'seccomp'), { recursive: true, mode: 0o700 })
      await writeFile(this.#seccompFile(name), seccomp, { mode: 0o600 })
    }
    await writeFile(
      join(logs, 'lxc.conf'),
      formatLxcConfig([...this.#ownItems(name, seccomp !== undefined), ...config]),
      {
        mode: 0o640,
      },
    )
    // liblxc's console log may hold what is typed at a login.
    await (await open(join(logs, 'console.log'), 'a', 0o600)).close()
    await chmod(join(logs, 'console.log'), 0o600)
  }

  #ownItems(name: string, seccomp: boolean): LxcItem[] {
    const hook = `${quoteHookArgument(postStopHook)} ${quoteHookArgument(this.#monitors.endedDirectory)}`
    return [
      ['lxc.hook.version', '1'],
      ['lxc.hook.post-stop', hook],
      ['lxc.console.buffer.size', 'auto'],
      ['lxc.console.size', 'auto'],
      ['lxc.console.logfile', join(this.#logs(name), 'console.log')],
      ...(seccomp ? [['lxc.seccomp.profile', this.#seccompFile(name)] as const] : []),
    ]
  }

  #logs(name: string): string {
    return join(this.#directory, 'logs', name)
  }

  #seccompFile(name: string): string {
    return join(this.#directory, 'security', 'seccomp', name)
  }

  async #startMonitor(name: string, config: readonly LxcItem[]): Promise<Monitor> {
    const pidFile = join(this.#monitors.directory, `.${name}.pid`)
    const logFile = join(this.#logs(name), 'lxc.log')
    try {
      await this.#run(
        'lxc-start',
        // Monitors.killStrays() finds the path at this place.
        [
          '-n',
          name,
          '-P',
          this.#lxcpath,
          '-f',
          join(this.#logs(name), 'lxc.conf'),
          '-d',
          '-o',
          logFile,
          '-l',
          'WARN',
          '-p',
          pidFile,
        ],
      )
      const found = this.#monitors.inspect(Number(await readFile(pidFile, 'latin1')))
      if (!found) throw new Error('its init ended at once')
      const halt = config.findLast(([key]) => key === 'lxc.signal.halt')?.[1]
      return halt === undefined ? found : { ...found, haltSignal: parseSignal(halt) }
    } catch (error) {
      const errors = await readErrors(logFile)
      // What lxc-start prints itself says only where else to look.
      if (errors.length === 0) throw new Failure('internal', `Cannot start container "${name}"`, { cause: error })
      throw new Failure('internal', `Cannot start container "${name}": ${errors.join('; ')}`)
    } finally {
      await rm(pidFile, { force: true })
    }
  }

  shutdown(name: string): void {
    const container = this.#running(name)
    // It runs on until its init ends, which may be never.
    sendSignal(container.init, container.haltSignal ?? defaultHaltSignal(container.init.pid))
  }

  async kill(name: string): Promise<void> {
    const container = this.#containers.get(name)
    if (!container) return
    container.status = 'stopping'
    sendSignal(container.init, sigkill)
    // A process in a frozen version 1 group dies only once it is thawed.
    await this.#cgroups.setFrozen(container.cgroups, false).catch(() => {})
    if (!(await waitForEnd(container.monitor, 30_000))) {
      this.#log.warn('A monitor does not end after its container, killing it', { container: name })
      sendSignal(container.monitor, sigkill)
    }
    this.#notice(name)
    await container.ended.promise
  }

  async freeze(name: string): Promise<void> {
    const container = this.#running(name)
    await this.#cgroups.setFrozen(container.cgroups, true)
    container.status = 'frozen'
  }

  async unfreeze(name: string): Promise<void> {
    const container = this.#running(name)
    await this.#cgroups.setFrozen(container.cgroups, false)
    container.status = 'running'
  }

  status(name: string): RuntimeStatus {
    return this.#containers.get(name)?.status ?? (this.#starting.has(name) ? 'starting' : 'stopped')
  }

  initPid(name: string): number | undefined {
    return this.#containers.get(name)?.init.pid
  }

  cgroups(name: string): ReadonlyMap<string, string> {
    return this.#containers.get(name)?.cgroups ?? new Map()
  }

  async setCgroup(name: string, item: string, value: string): Promise<void> {
    const controller = item.slice(0, item.indexOf('.'))
    const directory = this.#running(name).cgroups.get(controller === 'cgroup' ? 'unified' : controller)
    if (directory === undefined)
      throw new Failure('internal', `Cannot set "${item}": the host has no such control group`)
    try {
      await writeCgroupFile(directory, item, value)
    } catch (error) {
      throw new Failure('internal', `Cannot set "${item}" of container "${name}" to "${value}"`, { cause: error })
    }
  }

  async setDeviceRule(name: string, action: 'allow' | 'deny', rule: string): Promise<void> {
    const item = `devices.${action}`
    if (this.#running(name).cgroups.has('devices')) return await this.setCgroup(name, item, rule)
    // Version 2 has no file for it: rules are a program in the kernel, which the container's monitor holds.
    await this.#run('lxc-cgroup', ['-n', name, '-P', this.#lxcpath, item, rule], { timeout: 10_000 })
  }

  async exec(options: ExecOptions): Promise<ExecProcess> {
    const container = this.#running(options.name)
    const configFile = join(this.#logs(options.name), 'lxc.conf')
    return attach(options, { lxcpath: this.#lxcpath, configFile, init: container.init.pid, log: this.#log })
  }

  async console(name: string, size: { readonly width: number; readonly height: number }): Promise<ExecProcess> {
    this.#running(name)
    return await connectConsole(name, this.#lxcpath, size)
  }

  onStopped(listener: (name: string, target: StopTarget) => void): void {
    this.#listener = listener
  }

  close(): Promise<void> {
    this.#watcher?.close()
    clearInterval(this.#timer)
    return Promise.resolve()
  }

  #running(name: string): Container {
    const container = this.#containers.get(name)
    if (!container) throw new Failure('bad-request', 'Instance is not running')
    return container
  }

  #notice(name: string): void {
    const container = this.#containers.get(name)
    if (!container || container.ending) return
    container.ending = true
    this.#finish(name, container).catch((error: unknown) => {
      this.#log.error('Cannot clean up behind a container', { container: name, error: explain(error) })
    })
  }

  async #finish(name: string, container: Container): Promise<void> {
    container.status = 'stopping'
    while (!(await waitForEnd(container.monitor, 10_000))) {
      this.#log.warn('A monitor stays on after its container has ended', {
        container: name,
        pid: container.monitor.pid,
      })
    }
    // liblxc has the kernel kill the init with its monitor; this is for what may have got out of that.
    sendSignal(container.init, sigkill)
    await waitForEnd(container.init, 10_000)
    const target = await this.#monitors.readTarget(name)
    await this.#clean(name)
    this.#containers.delete(name)
    this.#tell(name, target)
    container.ended.resolve()
  }

  async #clean(name: string): Promise<void> {
    await this.#cgroups.removeStale(name)
    await rm(this.#seccompFile(name), { force: true })
    await this.#monitors.forget(name)
  }

  #tell(name: string, target: StopTarget): void {
    try {
      this.#listener(name, target)
    } catch (error) {
      this.#log.error('Cannot tell of the end of a container', { container: name, error: explain(error) })
    }
  }
}

/** What liblxc's own shutdown sends: a systemd has SIGRTMIN+3 blocked, to read it from a descriptor. */
function defaultHaltSignal(init: number): number {
  const caught = ['SigBlk', 'SigCgt'].map((name) => BigInt(`0x${statusField(init, name) ?? '0'}`))
  return caught.some((mask) => ((mask >> BigInt(sigrtmin3 - 1)) & 1n) === 1n) ? sigrtmin3 : sigpwr
}

/** The first errors in a log of liblxc, which later ones only follow from. */
async function readErrors(logFile: string): Promise<string[]> {
  const text = await readFile(logFile, 'utf8').catch(() => '')
  const errors = text.split('\n').filter((line) => line.includes(' ERROR ') && !line.includes(' lxc_start - '))
  return errors.slice(0, 3).map((line) => line.replace(/^.*? ERROR .*? - \S+ - /, ''))
}
