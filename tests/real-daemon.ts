import { spawn, spawnSync } from 'node:child_process'
import type { ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import type { Readable } from 'node:stream'
import { closeSync, openSync, readFileSync } from 'node:fs'
import { get } from 'node:http'
import { setTimeout as sleep } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'

const bin = fileURLToPath(new URL('../bin/', import.meta.url))
const logFile = '/var/log/lxd/daemon.log'

/** What a program printed and how it ended. */
export interface Result {
  readonly code: number | null
  readonly stdout: string
  readonly stderr: string
}

/** Runs a program to its end, giving it `input` to read. */
export function runProgram(program: string, args: readonly string[], input = ''): Result {
  const env = { ...process.env, LXD_DIR: '/var/lib/lxd', LXD_CONF: '/tmp/lxc-conf' }
  const { status, stdout, stderr, error } = spawnSync(program, args, { encoding: 'utf8', input, env, timeout: 120_000 })
  if (error) throw error
  return { code: status, stdout, stderr }
}

/** Debian's `lxc`, as it is. */
export const stockLxc = (...args: readonly string[]): Result => runProgram('/usr/bin/lxc', args)

/** Debian's `lxc` in the background. */
export async function stockLxcLater(...args: readonly string[]): Promise<Result> {
  const env = { ...process.env, LXD_DIR: '/var/lib/lxd', LXD_CONF: '/tmp/lxc-conf' }
  const child = spawn('/usr/bin/lxc', args, { stdio: ['ignore', 'pipe', 'pipe'], env, timeout: 120_000 })
  const text = async (stream: Readable) => Buffer.concat((await stream.toArray()) as Buffer[]).toString()
  const [stdout, stderr] = await Promise.all([text(child.stdout), text(child.stderr)])
  if (child.exitCode === null && child.signalCode === null) await once(child, 'exit')
  return { code: child.exitCode, stdout, stderr }
}

/** This repository's `lxc`. */
export const ourLxc = (...args: readonly string[]): Result => runProgram(`${bin}lxc`, args)

/** The same, failing where the command does, and returning what it printed. */
export function ok({ code, stdout, stderr }: Result): string {
  if (code !== 0) throw new Error(`exit code ${code}: ${stderr}${stdout}`)
  return stdout
}

/** This repository's daemon, on the sandbox's /var/lib/lxd. To be used inside a sandbox only. */
export class RealDaemon {
  readonly #args: readonly string[]
  readonly #through: readonly string[]
  #child: ChildProcess | undefined

  /** `through` is a program, with arguments, that runs what it is given further arguments of. */
  constructor(options: { readonly group?: string; readonly through?: readonly string[] } = {}) {
    this.#through = options.through ?? []
    this.#args = options.group === undefined ? ['--debug'] : ['--debug', '--group', options.group]
  }

  /** Starts the daemon and waits until it answers. */
  async start(): Promise<void> {
    const child = this.launch()
    for (let tries = 0; !(await isReady()); tries++) {
      if (tries > 3000 || child.exitCode !== null || child.signalCode !== null)
        throw new Error(`the daemon did not come up:\n${this.log().slice(-3000)}`)
      await sleep(20)
    }
  }

  /** Starts the daemon and waits for nothing. */
  launch(): ChildProcess {
    const log = openSync(logFile, 'a')
    const [program = '', ...args] = [...this.#through, `${bin}lxd`, ...this.#args]
    this.#child = spawn(program, args, { stdio: ['ignore', log, log], detached: true })
    closeSync(log)
    return this.#child
  }

  /** Waits until the process has gone. */
  async ended(): Promise<void> {
    const child = this.#child
    if (!child || child.exitCode !== null || child.signalCode !== null) return
    await once(child, 'exit')
  }

  get pid(): number {
    const pid = this.#child?.pid
    if (pid === undefined) throw new Error('the daemon was not started')
    return pid
  }

  /** Sends a signal and waits until the process has gone. */
  async end(signal: NodeJS.Signals): Promise<void> {
    const ended = this.ended()
    this.#child?.kill(signal)
    await ended
  }

  /** All that daemons have logged in this sandbox. */
  log(): string {
    return readFileSync(logFile, 'utf8')
  }
}

/** What `lxd waitready` asks, without a program each time. */
async function isReady(): Promise<boolean> {
  const { promise, resolve } = Promise.withResolvers<boolean>()
  const ask = get({ path: '/internal/ready', socketPath: '/var/lib/lxd/unix.socket', agent: false }, (response) => {
    response.resume()
    resolve(response.statusCode === 200)
  })
  ask.on('error', () => resolve(false))
  return await promise
}
