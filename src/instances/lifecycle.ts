import type { IdMap } from '#base/idmap.ts'
import { badRequest, explain, Failure } from '#base/failure.ts'
import type { Locks } from '#base/locks.ts'
import type { Log } from '#base/log.ts'
import { Undo } from '#base/undo.ts'
import type { Events, Requestor } from '#events/events.ts'
import type { LxcItem, Runtime, StopTarget } from '#lxc/runtime.ts'
import type { Mounted } from '#storage/driver.ts'
import type { Stored } from '#store/records.ts'
import type { InstanceRecord } from '#store/instance-record.ts'
import type { Expanded, InstanceCommit } from './commit.ts'
import type { DeviceSet } from './device-set.ts'
import { instanceOf, runtimeName } from './instance-name.ts'

/** What running an instance asks of storage pools. */
export interface InstanceMounts {
  mountInstance(
    instance: { readonly project: string; readonly name: string; readonly pool: string },
    map: IdMap,
  ): Promise<Mounted>
  unmountInstance(instance: { readonly project: string; readonly name: string; readonly pool: string }): Promise<void>
}

/** What holds the files of an instance open. */
export interface OpenFiles {
  /** Lets go of them. The instance's lock is held. */
  release(project: string, name: string): Promise<void>
}

/** The API that guests reach from inside. */
export interface GuestApi {
  /** Begins to serve an instance; gives the directory to mount for it, if it is to have one. */
  open(expanded: Expanded): Promise<string | undefined>
  close(project: string, name: string): Promise<void>
}

/** A map to start with, and the `volatile.*` keys that tell of it. Disposing lets others have its ids, unless it is written down by then. */
export interface ChosenIdMap extends Disposable {
  readonly map: IdMap
  readonly volatile: Readonly<Record<string, string>>
}

/** Chooses id maps, and turns a configuration into what liblxc is told. */
export interface ContainerPlan {
  /** Throws a Failure where there are no ids for the instance. */
  idmap(expanded: Expanded): Promise<ChosenIdMap>
  /** The map it runs with, as `volatile.idmap.current` has it. */
  currentIdmap(record: InstanceRecord): IdMap
  lxc(expanded: Expanded, map: IdMap): readonly LxcItem[]
  /** The text of its seccomp profile, or undefined for none. */
  seccomp(expanded: Expanded): string | undefined
}

export interface LifecycleOptions {
  readonly commit: InstanceCommit
  readonly devices: DeviceSet
  readonly files: OpenFiles
  readonly guestApi: GuestApi
  readonly mounts: InstanceMounts
  readonly runtime: Runtime
  readonly plan: ContainerPlan
  readonly events: Events
  readonly locks: Locks
  readonly log: Log
  /** Deletes an ephemeral instance that has stopped. */
  readonly deleteStopped: (project: string, name: string) => Promise<void>
}

/** How an instance is asked to stop. */
export interface StopOptions {
  readonly force: boolean
  /** Milliseconds it has to shut down; for ever where undefined. */
  readonly timeout?: number | undefined
  readonly signal?: AbortSignal | undefined
  readonly requestor?: Requestor | undefined
}

/** Starting and stopping: what an instance does between the two is liblxc's. */
export class Lifecycle {
  readonly #options: LifecycleOptions
  /** Operations that wait for an instance to stop; they take it down themselves. */
  readonly #waiting = new Map<string, (target: StopTarget) => void>()
  /** What is being done about instances that stopped by themselves. */
  readonly #settling = new Set<Promise<void>>()
  #closed = false

  constructor(options: LifecycleOptions) {
    this.#options = options
  }

  /** Begins to hear of instances that stop; to be called before the running ones are adopted. */
  listen(): void {
    this.#options.runtime.onStopped((name, target) => {
      const waiting = this.#waiting.get(name)
      if (waiting) return waiting(target)
      const settling = this.#stoppedByItself(name, target).finally(() => this.#settling.delete(settling))
      this.#settling.add(settling)
    })
  }

  /**
   * Brings records, mounts and devices in line with what the runtime has adopted, at the start of the daemon. A start
   * that a crash cut off before it was written down is taken back.
   */
  async reconcile(): Promise<void> {
    await Promise.all(this.#settling)
    for (const record of this.#options.commit.list()) {
      const { project, name } = record
      const runs = this.#options.runtime.status(runtimeName(project, name)) !== 'stopped'
      const noted = record.config['volatile.last_state.power'] === 'RUNNING'
      try {
        if (runs && noted) {
          await this.#options.guestApi.open(this.#options.commit.expand(record))
          continue
        }
        if (runs) await this.#options.runtime.kill(runtimeName(project, name))
        await this.takeDown(record)
      } catch (error) {
        this.#options.log.error('Cannot clean up behind an instance', { project, name, error: explain(error) })
      }
    }
  }

  close(): void {
    this.#closed = true
  }

  /** Throws a Failure while a clean stop waits for an instance that may never react: only force ends that. */
  checkNotStopping(project: string, name: string): void {
    if (this.#waiting.has(runtimeName(project, name))) throw badRequest('Instance is busy running a stop operation')
  }

  async start(project: string, name: string, requestor?: Requestor): Promise<void> {
    this.checkNotStopping(project, name)
    using _ = await this.#options.locks.take(runtimeName(project, name))
    await this.startLocked(this.#options.commit.get(project, name), requestor)
  }

  /** Starts an instance whose lock is held. */
  async startLocked(stored: Stored<InstanceRecord>, requestor?: Requestor, action = 'instance-started'): Promise<void> {
    const { commit, runtime, mounts, devices, files, guestApi, plan, log } = this.#options
    const { project, name, pool } = stored.value
    const runtimeAs = runtimeName(project, name)
    if (runtime.status(runtimeAs) !== 'stopped') throw badRequest('The instance is already running')

    await using undo = new Undo((what, error) => log.error('Cannot undo', { what, error: explain(error) }))
    const expanded = commit.expand((await commit.complete(project, name)).value)
    using chosen = await plan.idmap(expanded)
    const { map, volatile } = chosen
    await files.release(project, name)
    const mounted = await mounts.mountInstance({ project, name, pool }, map)
    undo.add('unmount the root volume', () => mounts.unmountInstance({ project, name, pool }))
    const guestDirectory = await guestApi.open(expanded)
    undo.add('close the socket for the guest', () => guestApi.close(project, name))
    const started = await devices.start(expanded, { idmap: map }, undo)
    const rootfs: LxcItem[] = [['lxc.rootfs.path', mounted.rootfs], ...mounted.lxc]
    const config = [...plan.lxc(expanded, map), ...rootfs, ...guestMount(guestDirectory), ...started.lxc]
    const pid = await runtime.start({ name: runtimeAs, config, seccomp: plan.seccomp(expanded) })
    undo.add('stop the container', () => runtime.kill(runtimeAs))
    await devices.started(expanded, { idmap: map, pid }, undo)

    await commit.note(project, name, {
      volatile: { ...volatile, ...started.volatile, 'volatile.last_state.power': 'RUNNING' },
      lastUsedAt: new Date().toISOString(),
    })
    undo.keep()
    this.#tell(action, stored.value, requestor)
  }

  async stop(project: string, name: string, options: StopOptions): Promise<void> {
    const waiting = this.#waiting.has(runtimeName(project, name))
    if (options.force && waiting) {
      // A clean stop is waiting for a guest that may never react: this ends what it waits for.
      await this.#options.runtime.kill(runtimeName(project, name))
      using _ = await this.#options.locks.take(runtimeName(project, name))
      return
    }
    this.checkNotStopping(project, name)
    using _ = await this.#options.locks.take(runtimeName(project, name))
    const stored = this.#options.commit.get(project, name)
    await this.stopLocked(stored, options)
    if (stored.value.ephemeral) await this.#options.deleteStopped(project, name)
  }

  /** Stops an instance whose lock is held. An ephemeral one is left to the caller. */
  async stopLocked(stored: Stored<InstanceRecord>, options: StopOptions, quiet = false): Promise<void> {
    const { runtime } = this.#options
    const { project, name } = stored.value
    const runtimeAs = runtimeName(project, name)
    const status = runtime.status(runtimeAs)
    if (status === 'stopped') throw badRequest('The instance is already stopped')
    if (options.force) await runtime.kill(runtimeAs)
    else {
      if (status === 'frozen') await runtime.unfreeze(runtimeAs)
      await this.#shutDown(runtimeAs, options)
    }
    await this.#cleanUp(stored.value, quiet ? 'ready' : undefined)
    if (!quiet) this.#tell(options.force ? 'instance-stopped' : 'instance-shutdown', stored.value, options.requestor)
  }

  async restart(project: string, name: string, options: StopOptions): Promise<void> {
    if (!options.force) this.checkNotStopping(project, name)
    const stopping = this.#waiting.has(runtimeName(project, name))
    if (stopping) await this.stop(project, name, options)
    using _ = await this.#options.locks.take(runtimeName(project, name))
    if (!stopping) await this.stopLocked(this.#options.commit.get(project, name), options, true)
    await this.startLocked(this.#options.commit.get(project, name), options.requestor, 'instance-restarted')
  }

  async freeze(project: string, name: string, requestor?: Requestor): Promise<void> {
    this.checkNotStopping(project, name)
    using _ = await this.#options.locks.take(runtimeName(project, name))
    const { value } = this.#options.commit.get(project, name)
    const status = this.#options.runtime.status(runtimeName(project, name))
    if (status === 'stopped') throw badRequest('The instance is not running')
    if (status === 'frozen') throw badRequest('The instance is already frozen')
    await this.#options.runtime.freeze(runtimeName(project, name))
    this.#tell('instance-paused', value, requestor)
  }

  async unfreeze(project: string, name: string, requestor?: Requestor): Promise<void> {
    this.checkNotStopping(project, name)
    using _ = await this.#options.locks.take(runtimeName(project, name))
    const { value } = this.#options.commit.get(project, name)
    const status = this.#options.runtime.status(runtimeName(project, name))
    if (status === 'stopped') throw badRequest('The instance is not running')
    if (status !== 'frozen') throw badRequest('The instance is not frozen')
    await this.#options.runtime.unfreeze(runtimeName(project, name))
    this.#tell('instance-resumed', value, requestor)
  }

  async #shutDown(name: string, { timeout, signal }: StopOptions): Promise<void> {
    const { promise, resolve, reject } = Promise.withResolvers<StopTarget>()
    const timer =
      timeout === undefined
        ? undefined
        : setTimeout(
            () =>
              reject(
                new Failure(
                  'internal',
                  'Failed shutting down instance, status is "Running": context deadline exceeded',
                ),
              ),
            timeout,
          )
    const cancel = () => reject(new Failure('internal', 'The stop was cancelled'))
    this.#waiting.set(name, resolve)
    signal?.addEventListener('abort', cancel, { once: true })
    try {
      this.#options.runtime.shutdown(name)
      await promise
    } finally {
      clearTimeout(timer)
      signal?.removeEventListener('abort', cancel)
      this.#waiting.delete(name)
    }
  }

  /** An instance ended that nobody asked to: power-off or reboot from inside, or a crash. */
  async #stoppedByItself(runtimeAs: string, target: StopTarget): Promise<void> {
    const { commit, locks, runtime, log, deleteStopped } = this.#options
    const { project, name } = instanceOf(runtimeAs)
    try {
      using _ = await locks.take(runtimeAs)
      // By the time the lock is free an operation may have taken care of it, or started it again.
      if (this.#closed || !commit.has(project, name) || runtime.status(runtimeAs) !== 'stopped') return
      const stored = commit.get(project, name)
      if (stored.value.config['volatile.last_state.power'] !== 'RUNNING') return
      await this.#cleanUp(stored.value, target === 'reboot' ? 'ready' : undefined)
      if (target === 'reboot') await this.startLocked(commit.get(project, name), undefined, 'instance-restarted')
      else {
        this.#tell('instance-shutdown', stored.value)
        if (stored.value.ephemeral) await deleteStopped(project, name)
      }
    } catch (error) {
      log.error('Cannot take care of an instance that stopped', { instance: runtimeAs, target, error: explain(error) })
    }
  }

  /** An ephemeral instance is marked for deletion in the same write, unless it is to be started again. */
  async #cleanUp(
    record: InstanceRecord,
    phase: InstanceRecord['phase'] = record.ephemeral ? 'deleting' : 'ready',
  ): Promise<void> {
    await this.takeDown(record)
    const { commit, devices } = this.#options
    await commit.note(record.project, record.name, {
      phase,
      volatile: { ...devices.transient(commit.expand(record)), 'volatile.last_state.power': 'STOPPED' },
    })
  }

  /** Takes back what a start did outside the container, after a stop or a crash. May be repeated. */
  async takeDown(record: InstanceRecord): Promise<void> {
    const { commit, devices, files, guestApi, mounts, plan } = this.#options
    const { project, name, pool } = record
    await files.release(project, name)
    await guestApi.close(project, name)
    await devices.stop(commit.expand(record), { idmap: plan.currentIdmap(record) })
    await mounts.unmountInstance({ project, name, pool })
  }

  #tell(action: string, { project, name }: InstanceRecord, requestor?: Requestor): void {
    this.#options.events.lifecycle({ action, source: instanceUrl(project, name), project, requestor })
  }
}

/** Read-only: a guest that is root of the host inside must not be able to take the socket away. */
function guestMount(directory: string | undefined): readonly LxcItem[] {
  return directory === undefined ? [] : [['lxc.mount.entry', `${directory} dev/lxd none bind,ro,create=dir 0 0`]]
}

/** The URL of an instance. */
export function instanceUrl(project: string, name: string): string {
  const query = project === 'default' ? '' : `?project=${encodeURIComponent(project)}`
  return `/1.0/instances/${encodeURIComponent(name)}${query}`
}
