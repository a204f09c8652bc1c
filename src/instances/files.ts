import { badRequest } from '#base/failure.ts'
import type { Locks } from '#base/locks.ts'
import type { GuestFiles } from '#guest/guest-files.ts'
import { SftpClient } from '#base/sftp-client.ts'
import type { ConfinedProcess } from '#host/confined-process.ts'
import type { Runtime } from '#lxc/runtime.ts'
import type { InstanceCommit } from './commit.ts'
import { runtimeName } from './instance-name.ts'
import type { InstanceMounts } from './lifecycle.ts'

/** Milliseconds a helper is kept for the next request: clients copy trees file by file. */
const keptFor = 3000

/** The helpers of an instance. */
interface Helpers {
  readonly running: Set<ConfinedProcess>
  /** The one that requests share. */
  shared: { readonly client: SftpClient; readonly process: ConfinedProcess; users: number } | undefined
  /** Unmounts what was mounted for them, where the instance doesn't run. */
  readonly unmount: (() => Promise<void>) | undefined
}

export interface InstanceFilesOptions {
  readonly commit: InstanceCommit
  readonly runtime: Runtime
  readonly mounts: InstanceMounts
  readonly guestFiles: GuestFiles
  readonly locks: Locks
}

/** The use of an instance's files by one request; ends when it is disposed. */
export interface FilesLease extends Disposable {
  readonly client: SftpClient
}

/**
 * The files of instances, running or not, through guest helpers. The daemon itself opens none of them. Whatever takes
 * an instance's root volume away, or starts it, calls `release` first.
 */
export class InstanceFiles {
  readonly #options: InstanceFilesOptions
  readonly #helpers = new Map<string, Helpers>()

  constructor(options: InstanceFilesOptions) {
    this.#options = options
  }

  /** Asks for the files of an instance, by a helper shared with other requests. */
  async lease(project: string, name: string): Promise<FilesLease> {
    const key = runtimeName(project, name)
    using _ = await this.#options.locks.take(key)
    const helpers = await this.#prepare(project, name)
    const shared = (helpers.shared ??= this.#share(key, helpers, await this.#start(project, name, helpers)))
    shared.users++
    let ended = false
    return {
      client: shared.client,
      [Symbol.dispose]: () => {
        if (ended) return
        ended = true
        shared.users--
        setTimeout(() => void this.#endIdle(key, shared.process), keptFor).unref()
      },
    }
  }

  /** A helper for one client alone, which speaks the protocol with it. Ends when its input does. */
  async session(project: string, name: string): Promise<ConfinedProcess> {
    const key = runtimeName(project, name)
    using _ = await this.#options.locks.take(key)
    const helpers = await this.#prepare(project, name)
    const process = await this.#start(project, name, helpers)
    void process.ended.then(() => this.#endIdle(key, process))
    return process
  }

  /** Ends all helpers of an instance whose lock is held, and takes back what was mounted for them. */
  async release(project: string, name: string): Promise<void> {
    const key = runtimeName(project, name)
    const helpers = this.#helpers.get(key)
    if (!helpers) return
    this.#helpers.delete(key)
    for (const process of helpers.running) process.kill()
    await Promise.all([...helpers.running].map(({ ended }) => ended))
    await helpers.unmount?.()
  }

  /** Ends all helpers, at the end of the daemon. */
  async close(): Promise<void> {
    for (const [key, helpers] of this.#helpers) {
      this.#helpers.delete(key)
      for (const process of helpers.running) process.kill()
      await Promise.all([...helpers.running].map(({ ended }) => ended))
      await helpers.unmount?.()
    }
  }

  async #prepare(project: string, name: string): Promise<Helpers> {
    const key = runtimeName(project, name)
    const known = this.#helpers.get(key)
    if (known) return known
    const { commit, mounts, runtime } = this.#options
    const { pool } = commit.get(project, name).value
    const stopped = runtime.status(key) === 'stopped'
    const unmount = stopped ? () => mounts.unmountInstance({ project, name, pool }) : undefined
    const helpers: Helpers = { running: new Set(), shared: undefined, unmount }
    this.#helpers.set(key, helpers)
    return helpers
  }

  async #start(project: string, name: string, helpers: Helpers): Promise<ConfinedProcess> {
    const { commit, guestFiles, mounts, runtime } = this.#options
    const process = helpers.unmount
      ? guestFiles.at(
          (await mounts.mountInstance({ project, name, pool: commit.get(project, name).value.pool }, [])).path,
        )
      : guestFiles.inside(this.#init(runtime.initPid(runtimeName(project, name))))
    helpers.running.add(process)
    void process.ended.then(() => {
      helpers.running.delete(process)
      if (helpers.shared?.process === process) helpers.shared = undefined
    })
    return process
  }

  #init(pid: number | undefined): number {
    if (pid === undefined) throw badRequest('Cannot reach the files of the instance: it is starting or stopping')
    return pid
  }

  #share(key: string, helpers: Helpers, process: ConfinedProcess): NonNullable<Helpers['shared']> {
    const client = new SftpClient(process.output, process.input)
    // A helper that does not answer is held up by the guest; it would be so for ever.
    client.onStuck(() => process.kill())
    void process.ended.then(() => this.#endIdle(key, process))
    return { client, process, users: 0 }
  }

  /** Ends a helper that nobody uses any more, and with the last one what was mounted. */
  async #endIdle(key: string, process: ConfinedProcess): Promise<void> {
    using _ = await this.#options.locks.take(key)
    const helpers = this.#helpers.get(key)
    if (!helpers) return
    if (helpers.shared?.process === process && helpers.shared.users === 0) {
      process.kill()
      await process.ended
      helpers.running.delete(process)
      helpers.shared = undefined
    }
    if (helpers.running.size > 0) return
    this.#helpers.delete(key)
    await helpers.unmount?.()
  }
}
