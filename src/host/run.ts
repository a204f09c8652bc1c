import { spawn } from 'node:child_process'

/** What a program printed, and how it ended. */
export interface Output {
  readonly code: number
  readonly stdout: string
  readonly stderr: string
}

export interface RunOptions {
  /** Written to standard input, which is empty otherwise. */
  readonly input?: string | Uint8Array
  /** A file descriptor of this process that becomes standard input. */
  readonly stdin?: number
  /** The whole environment of the command. Nothing is inherited but PATH and a C.UTF-8 locale. */
  readonly env?: Readonly<Record<string, string>>
  readonly cwd?: string
  /** Exit codes that are answers rather than failures. Default: only 0. */
  readonly accept?: readonly number[]
  readonly signal?: AbortSignal
  /** Milliseconds after which the program is killed. Default: 10 minutes. */
  readonly timeout?: number
  /** File descriptors of this process the program gets as 3, 4, … */
  readonly descriptors?: readonly number[]
  /**
   * Takes standard output as it comes, however much; `stdout` stays empty. Where it throws, the program is killed and
   * what was thrown is the failure.
   */
  readonly onStdout?: (chunk: Buffer) => void
}

/** Runs a program of the host. Arguments are an array; there is never a shell. */
export type Run = (program: string, args: readonly string[], options?: RunOptions) => Promise<Output>

/** A program could not be started, was killed, or exited with a code the caller did not accept. */
export class CommandError extends Error {
  readonly program: string
  readonly args: readonly string[]
  /** The exit code, or undefined where the program did not exit by itself. */
  readonly code: number | undefined
  readonly stderr: string

  constructor(
    how: string,
    failed: { program: string; args: readonly string[]; code?: number; stderr: string },
    cause?: unknown,
  ) {
    const said = failed.stderr.trim().split('\n').slice(-3).join('; ').slice(0, 500)
    super(`${failed.program} ${how}${said === '' ? '' : `: ${said}`}`, cause === undefined ? {} : { cause })
    this.name = 'CommandError'
    this.program = failed.program
    this.args = failed.args
    this.code = failed.code
    this.stderr = failed.stderr
  }
}

/** Where programs of the host are looked for. */
export const searchPath = '/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin'
const maxOutput = 64 << 20

/** The real {@link Run}. */
export const run: Run = (program, args, options = {}) => {
  const { promise, resolve, reject } = Promise.withResolvers<Output>()
  const stdout: Buffer[] = []
  const stderr: Buffer[] = []
  let size = 0

  const child = spawn(program, args, {
    cwd: options.cwd ?? '/',
    env: { PATH: searchPath, LC_ALL: 'C.UTF-8', ...options.env },
    stdio: [options.stdin ?? 'pipe', 'pipe', 'pipe', ...(options.descriptors ?? [])],
    timeout: options.timeout ?? 600_000,
    killSignal: 'SIGKILL',
    ...(options.signal ? { signal: options.signal } : {}),
  })
  const gather = (into: Buffer[]) => (chunk: Buffer) => {
    size += chunk.length
    if (size > maxOutput) child.kill('SIGKILL')
    else into.push(chunk)
  }
  const refused: unknown[] = []
  const hand = (chunk: Buffer) => {
    if (refused.length > 0) return
    try {
      options.onStdout?.(chunk)
    } catch (error) {
      refused.push(error)
      child.kill('SIGKILL')
    }
  }
  child.stdout?.on('data', options.onStdout ? hand : gather(stdout))
  child.stderr?.on('data', gather(stderr))
  // A program may exit without reading its input; how it exits tells whether that matters.
  child.stdin?.on('error', () => {})
  child.stdin?.end(options.input)

  child.on('error', (error) => {
    // The program was killed and is dying: whoever waits cleans up after it, which must not race with its last writes.
    if (options.signal?.aborted && child.pid !== undefined) return
    reject(new CommandError('could not be run', { program, args, stderr: '' }, error))
  })
  child.on('close', (code, signal) => {
    const output = {
      code: code ?? -1,
      stdout: Buffer.concat(stdout).toString(),
      stderr: Buffer.concat(stderr).toString(),
    }
    if (refused.length > 0) reject(refused[0])
    else if (code === null)
      reject(new CommandError(`was killed by ${signal}`, { program, args, stderr: output.stderr }))
    else if (!(options.accept ?? [0]).includes(code)) {
      reject(new CommandError(`exited with code ${code}`, { program, args, code, stderr: output.stderr }))
    } else resolve(output)
  })
  return promise
}
