import { randomBytes } from 'node:crypto'
import { existsSync, readFileSync } from 'node:fs'
import { mkdir, readdir, rename, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { badRequest, Failure } from '#base/failure.ts'
import type { DaemonIdentity, Daemons, RunningDaemon } from '#host/daemons.ts'
import { CommandError } from '#host/run.ts'
import { dhcpHostLine, dnsmasqArguments, dnsmasqFiles, dnsmasqMark } from './dnsmasq-config.ts'
import type { DhcpHost, DnsmasqFiles, DnsmasqSettings } from './dnsmasq-config.ts'

/** The dnsmasq of one network: its process and its files. */
export class Dnsmasq {
  readonly files: DnsmasqFiles
  readonly #daemons: Daemons
  readonly #account: { readonly user: string; readonly group: string }
  readonly #daemon: DaemonIdentity

  constructor(options: {
    /** LXD_DIR/networks/NETWORK. */
    readonly directory: string
    readonly daemons: Daemons
    readonly account: { readonly user: string; readonly group: string }
  }) {
    this.files = dnsmasqFiles(options.directory)
    this.#daemons = options.daemons
    this.#account = options.account
    this.#daemon = { program: 'dnsmasq', mark: dnsmasqMark(this.files), pidFile: this.files.pid }
  }

  /**
   * Makes it run with these settings. One that does already is kept; one with others is replaced. Throws, with what
   * dnsmasq says, where it refuses them.
   */
  async ensure(settings: DnsmasqSettings): Promise<void> {
    const args = dnsmasqArguments(settings, this.files, this.#account)
    const running = this.#daemons.find(this.#daemon)
    // One that is not ready was being started when the daemon was killed, and may fail yet.
    if (running?.ready && sameArguments(running, args) && readText(this.files.raw) === rawText(settings)) return

    // Its own lines are read at its start only: they are written while it is down, so that what runs has read them.
    await this.#end()
    await mkdir(this.files.hosts, { recursive: true, mode: 0o755 })
    await writeFile(this.files.raw, rawText(settings), { mode: 0o644 })
    try {
      await this.#daemons.start(this.#daemon, args)
    } catch (error) {
      throw startFailure(settings, error)
    }
  }

  isRunning(): boolean {
    return this.#daemons.find(this.#daemon) !== undefined
  }

  /** Ends it. Leases and hosts stay. */
  async stop(): Promise<void> {
    await this.#end()
    await rm(this.files.pid, { force: true })
    await rm(this.files.raw, { force: true })
  }

  /** Makes the file `name` among its hosts tell of a NIC. Tells whether that changed it. */
  async setHost(name: string, host: DhcpHost): Promise<boolean> {
    return await this.#write(hostFile(name), dhcpHostLine(host))
  }

  async dropHost(name: string): Promise<boolean> {
    return await this.#write(hostFile(name), undefined)
  }

  /** Drops the hosts with this MAC address, but for those whose names are in `keep`. */
  async dropHosts(hwaddr: string, keep: ReadonlySet<string>): Promise<void> {
    const kept = new Set([...keep].map(hostFile))
    const files = await readdir(this.files.hosts).catch(() => [])
    for (const file of files) {
      if (!kept.has(file) && readText(join(this.files.hosts, file))?.startsWith(`${hwaddr},`)) {
        await this.#write(file, undefined)
      }
    }
  }

  /** The files among its hosts, for asking which it has. */
  async knownHosts(): Promise<{ has(name: string): boolean }> {
    const files = new Set(await readdir(this.files.hosts).catch(() => []))
    return { has: (name) => files.has(hostFile(name)) }
  }

  /** Makes its hosts exactly these, by file name. Tells whether that changed any. */
  async setHosts(hosts: ReadonlyMap<string, DhcpHost>): Promise<boolean> {
    const files = new Map([...hosts].map(([name, host]) => [hostFile(name), dhcpHostLine(host)]))
    const found = await readdir(this.files.hosts).catch(() => [])
    let changed = false
    for (const file of found) if (!files.has(file)) changed = (await this.#write(file, undefined)) || changed
    for (const [file, line] of files) changed = (await this.#write(file, line)) || changed
    return changed
  }

  /** Has it read its hosts again. */
  reload(): void {
    const running = this.#daemons.find(this.#daemon)
    if (running) this.#daemons.reload(running)
  }

  /** Ends it, and one more: on its way into the background it is two processes for a moment. */
  async #end(): Promise<void> {
    for (let running; (running = this.#daemons.find(this.#daemon));) await this.#daemons.stop(running)
  }

  /** Whether the file was changed. */
  async #write(file: string, line: string | undefined): Promise<boolean> {
    const path = join(this.files.hosts, file)
    if (line === undefined) {
      if (!existsSync(path)) return false
      await rm(path, { force: true })
      return true
    }
    if (readText(path) === line) return false
    await mkdir(this.files.hosts, { recursive: true, mode: 0o755 })
    // dnsmasq passes over files whose name starts with a dot, so it never reads half a line.
    const draft = join(this.files.hosts, `.${randomBytes(8).toString('hex')}`)
    await writeFile(draft, line, { mode: 0o644 })
    await rename(draft, path)
    return true
  }
}

/** dnsmasq(8), exit codes: 1 for its configuration, of which only the administrator's own lines are not of our making. */
function startFailure({ link, raw }: DnsmasqSettings, cause: unknown): Failure {
  const configured = raw !== '' && cause instanceof CommandError && cause.code === 1
  if (configured) return badRequest('Invalid network configuration: "raw.dnsmasq"', { cause })
  return new Failure('internal', `Cannot start dnsmasq for network "${link}"`, { cause })
}

/** A file name for any text: dnsmasq passes over some names, such as those that end with `~`. */
function hostFile(name: string): string {
  return name.replaceAll(/[^A-Za-z0-9._-]|^\./g, (found) => `%${Buffer.from(found).toString('hex')}`)
}

function rawText({ raw }: DnsmasqSettings): string {
  return `${raw}\n`
}

function sameArguments(running: RunningDaemon, args: readonly string[]): boolean {
  return running.args.length === args.length && running.args.every((arg, index) => arg === args[index])
}

function readText(file: string): string | undefined {
  try {
    return readFileSync(file, 'utf8')
  } catch {
    return undefined
  }
}
