import assert from 'node:assert/strict'
import { mkdirSync, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { notImplemented } from '#base/failure.ts'
import { silentLog } from '#base/log.ts'
import type { Log } from '#base/log.ts'
import { startDaemon } from '#daemon/daemon.ts'
import type { Daemon } from '#daemon/daemon.ts'
import type { Host } from '#daemon/host.ts'
import { FakeGuestFiles } from '#guest/fake-guest-files.ts'
import { FakeDaemons } from '#host/fake-daemons.ts'
import { FakeDeviceNodes } from '#host/fake-device-nodes.ts'
import { FakeBackgroundPrograms } from '#host/fake-background-process.ts'
import { FakeLinks } from '#host/fake-links.ts'
import { FakeNft } from '#host/nft.ts'
import { run } from '#host/run.ts'
import type { SubordinateIds } from '#host/subordinate-ids.ts'
import { FakeSysctls } from '#host/sysctls.ts'
import { FakeRuntime } from '#lxc/fake-runtime.ts'
import { thisMachine } from '#server/resources/machine.ts'
import { readResources } from '#server/resources/resources.ts'
import { FakeDriver } from '#storage/fake-driver.ts'
import { callSocket } from './call.ts'
import type { Answer, CallOptions, Json } from './call.ts'

/** What the made-up host doesn't have: every use of it is refused. */
function without<T extends object>(what: string): T {
  const refuse = () => {
    throw notImplemented(`The host of this test has no ${what}`)
  }
  return new Proxy({} as T, { get: (_target, name) => (name === 'then' ? undefined : refuse) })
}

/** A host that is only made up: nothing outside the daemon's directory and this process is touched. */
export function fakeHost(directory: string) {
  // What the running containers have for a root.
  const guest = join(directory, 'guest')
  mkdirSync(guest)
  return {
    run,
    links: new FakeLinks(),
    namespaceLinks: { read: async () => [], close: () => {} },
    sysctls: new FakeSysctls(),
    harden: (): ReturnType<Host['harden']> => Promise.resolve([]),
    subordinateIds: (() =>
      Promise.resolve({ uid: 'root:100000:10000001', gid: 'root:100000:10000001' })) as SubordinateIds,
    nft: new FakeNft(),
    daemons: new FakeDaemons(),
    programs: new FakeBackgroundPrograms(),
    releaseDhcp: async () => {},
    account: { user: 'lxd', group: 'lxd' },
    mounts: without<Host['mounts']>('mounts'),
    inside: without<Host['inside']>('mounts inside containers'),
    nodes: new FakeDeviceNodes(),
    guestFiles: new FakeGuestFiles(guest),
    drivers: [new FakeDriver()],
    runtime: new FakeRuntime(),
    facts: {
      cgroups: new Map([['memory', 2 as const]]),
      swapAccounting: true,
      memory: 2 ** 30,
      cpus: [0, 1],
      lxcfs: undefined,
      hugePages: [],
      apparmor: false,
      machine: 'x86_64',
    },
    kernelFeatures: { idmapped_mounts: true },
    osRelease: { name: 'Test', version: '1' },
    readResources: async () => await readResources(await thisMachine()),
  } satisfies Host
}

/** A whole daemon on a made-up host, in this process, behind a real socket. Every answer is held to LXD's API. */
export class TestDaemon implements AsyncDisposable {
  readonly directory: string
  readonly host: ReturnType<typeof fakeHost>
  /** The pairs of method and path that have answered as they should. */
  readonly answered = new Set<string>()
  readonly #log: Log
  #daemon: Daemon | undefined

  private constructor(directory: string, host: ReturnType<typeof fakeHost>, log: Log) {
    this.directory = directory
    this.host = host
    this.#log = log
  }

  static async start(options: { readonly log?: Log } = {}): Promise<TestDaemon> {
    const directory = mkdtempSync(join(tmpdir(), 'lxd-'))
    const daemon = new TestDaemon(directory, fakeHost(directory), options.log ?? silentLog)
    await daemon.open()
    return daemon
  }

  get daemon(): Daemon {
    if (!this.#daemon) throw new Error('The daemon does not run')
    return this.#daemon
  }

  /** Starts the daemon on what is in its directory. */
  async open(): Promise<void> {
    const gid = process.getgid?.() ?? 0
    this.#daemon = await startDaemon({ directory: this.directory, log: this.#log, host: this.host, gid })
  }

  async close(): Promise<void> {
    await this.#daemon?.[Symbol.asyncDispose]()
    this.#daemon = undefined
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.close()
    rmSync(this.directory, { recursive: true, force: true })
  }

  /** Sends a request and checks the shape of the answer. */
  async call(method: string, url: string, options: CallOptions = {}): Promise<Answer> {
    const { pair, ...answer } = await callSocket(join(this.directory, 'unix.socket'), { method, url }, options)
    if (pair !== undefined && answer.status < 400) this.answered.add(pair)
    return answer
  }

  /** Sends a request that must go well, and gives the metadata of the answer, of an operation once it is over. */
  async ok(method: string, url: string, options: CallOptions = {}): Promise<Json> {
    const { status, body } = await this.call(method, url, options)
    assert.ok(status < 300, `${method} ${url}: ${status} ${JSON.stringify(body)}`)
    if (status !== 202) return body.metadata
    const over = await this.call('GET', `${body.operation}/wait?timeout=20`)
    assert.equal(over.body.metadata.status, 'Success', `${method} ${url}: ${over.body.metadata.err}`)
    return over.body.metadata
  }

  /** Sends a request that must be refused at once or fail in the end, and gives the error. */
  async refused(method: string, url: string, options: CallOptions = {}): Promise<{ status: number; error: string }> {
    const { status, body } = await this.call(method, url, options)
    if (status >= 400) return { status, error: body.error }
    assert.equal(status, 202, `${method} ${url} was not refused`)
    const over = await this.call('GET', `${body.operation}/wait?timeout=20`)
    assert.equal(over.body.metadata.status, 'Failure', `${method} ${url} was not refused`)
    return { status: 202, error: over.body.metadata.err }
  }
}
