import { once } from 'node:events'
import { writeSync } from 'node:fs'
import { PassThrough } from 'node:stream'
import { text } from 'node:stream/consumers'
import { Failure } from '#base/failure.ts'
import type { ExecOptions, ExecProcess, LxcItem, Runtime, RuntimeStatus, StartOptions, StopTarget } from './runtime.ts'

/** What a command of the fake is given, and can do. */
export interface FakeCommand {
  readonly args: readonly string[]
  readonly options: ExecOptions
  /** All of its input, once that has ended. */
  readonly input: Promise<string>
  /** Resolves to the number of the first signal sent to it. */
  readonly signal: Promise<number>
  /** Resolves once there is room for more. */
  readonly write: (output: string) => Promise<void>
  readonly writeError: (output: string) => Promise<void>
}

type Program = (command: FakeCommand) => Promise<number> | number

/** The programs a fake container has: enough to see input, output, environment, signals and exit codes pass. */
const programs: Readonly<Record<string, Program>> = {
  true: () => 0,
  false: () => 1,
  echo: async ({ args, write }) => {
    await write(`${args.join(' ')}\n`)
    return 0
  },
  warn: async ({ args, writeError }) => {
    await writeError(`${args.join(' ')}\n`)
    return 0
  },
  cat: async ({ input, write }) => {
    await write(await input)
    return 0
  },
  env: async ({ options, write }) => {
    for (const [key, value] of Object.entries(options.env)) await write(`${key}=${value}\n`)
    return 0
  },
  pwd: async ({ options, write }) => {
    await write(`${options.cwd}\n`)
    return 0
  },
  id: async ({ options, write }) => {
    await write(`uid=${options.uid} gid=${options.gid}\n`)
    return 0
  },
  exit: ({ args }) => Number(args[0]),
  sleep: async ({ signal }) => 128 + (await signal),
}

interface FakeContainer {
  status: RuntimeStatus
  readonly pid: number
  readonly config: readonly LxcItem[]
  readonly cgroup: Map<string, string>
  readonly processes: Set<ExecProcess>
}

/** Containers that are only remembered, and commands that are functions: a {@link Runtime} for tests without a kernel. */
export class FakeRuntime implements Runtime {
  readonly version = '5.0.2'
  readonly features: Readonly<Record<string, boolean>> = { pidfd: true, seccomp_notify: true }
  /** What the next start throws. */
  failure: Error | undefined
  readonly #containers = new Map<string, FakeContainer>()
  readonly #programs: Readonly<Record<string, Program>>
  #listener: (name: string, target: StopTarget) => void = () => {}
  #nextPid = 4_000_000

  constructor(options: { readonly programs?: Readonly<Record<string, Program>> } = {}) {
    this.#programs = { ...programs, ...options.programs }
  }

  start({ name, config }: StartOptions): Promise<number> {
    const failure = this.failure
    this.failure = undefined
    if (failure) return Promise.reject(failure)
    if (this.#containers.has(name)) return Promise.reject(new Failure('unavailable', `"${name}" runs already`))
    const pid = this.#nextPid++
    this.#containers.set(name, { status: 'running', pid, config, cgroup: new Map(), processes: new Set() })
    return Promise.resolve(pid)
  }

  /** The configuration a running container was started with. */
  config(name: string): readonly LxcItem[] {
    return this.#running(name).config
  }

  /** What was written into the control groups of a running container. */
  cgroup(name: string): ReadonlyMap<string, string> {
    return this.#running(name).cgroup
  }

  /** The container comes to its end by itself. */
  end(name: string, target: StopTarget): void {
    const container = this.#running(name)
    this.#containers.delete(name)
    for (const process of container.processes) process.kill()
    this.#listener(name, target)
  }

  shutdown(name: string): void {
    this.#running(name).status = 'stopping'
    setImmediate(() => {
      if (this.#containers.has(name)) this.end(name, 'stop')
    })
  }

  kill(name: string): Promise<void> {
    if (this.#containers.has(name)) this.end(name, 'stop')
    return Promise.resolve()
  }

  freeze(name: string): Promise<void> {
    this.#running(name).status = 'frozen'
    return Promise.resolve()
  }

  unfreeze(name: string): Promise<void> {
    this.#running(name).status = 'running'
    return Promise.resolve()
  }

  status(name: string): RuntimeStatus {
    return this.#containers.get(name)?.status ?? 'stopped'
  }

  initPid(name: string): number | undefined {
    return this.#containers.get(name)?.pid
  }

  cgroups(): ReadonlyMap<string, string> {
    return new Map()
  }

  setCgroup(name: string, item: string, value: string): Promise<void> {
    this.#running(name).cgroup.set(item, value)
    return Promise.resolve()
  }

  setDeviceRule(name: string, action: 'allow' | 'deny', rule: string): Promise<void> {
    return this.setCgroup(name, `devices.${action}`, rule)
  }

  exec(options: ExecOptions): Promise<ExecProcess> {
    const { processes } = this.#running(options.name)
    const process = startProgram(this.#programs[options.command[0] ?? ''], options)
    processes.add(process)
    void process.exit.then(() => processes.delete(process))
    return Promise.resolve(process)
  }

  /** What is typed comes back. */
  console(name: string, size: { readonly width: number; readonly height: number }): Promise<ExecProcess> {
    return this.exec({ name, command: ['cat'], env: {}, uid: 0, gid: 0, cwd: '/', streams: size })
  }

  onStopped(listener: (name: string, target: StopTarget) => void): void {
    this.#listener = listener
  }

  adopt(): Promise<void> {
    return Promise.resolve()
  }

  close(): Promise<void> {
    return Promise.resolve()
  }

  #running(name: string): FakeContainer {
    const container = this.#containers.get(name)
    if (!container) throw new Failure('bad-request', 'Instance is not running')
    return container
  }
}

function startProgram(program: Program | undefined, options: ExecOptions): ExecProcess {
  const { streams } = options
  const files = typeof streams === 'object' && 'output' in streams ? streams : undefined
  const [stdin, stdout, stderr] = [new PassThrough(), new PassThrough(), new PassThrough()]
  const signal = Promise.withResolvers<number>()
  const killed = Promise.withResolvers<number>()
  if (files) stdin.end()

  const command: FakeCommand = {
    args: options.command.slice(1),
    options,
    input: text(stdin),
    signal: signal.promise,
    write: (output) => write(files?.output ?? stdout, output),
    writeError: (output) => write(files?.errors ?? stderr, output),
  }
  const ended = Promise.resolve(program ? program(command) : 127)
  const exit = Promise.race([ended, killed.promise]).finally(() => {
    stdout.end()
    stderr.end()
  })
  return {
    stdin: files ? undefined : stdin,
    stdout: files ? undefined : stdout,
    stderr: streams === 'pipes' ? stderr : undefined,
    exit,
    resize: (width, height) => {
      if (typeof streams === 'object' && 'width' in streams) stdout.write(`${width}x${height}\n`)
    },
    signal: signal.resolve,
    kill: () => killed.resolve(137),
  }
}

async function write(into: number | PassThrough, output: string): Promise<void> {
  if (typeof into === 'number') writeSync(into, output)
  else if (!into.write(output)) await once(into, 'drain')
}
