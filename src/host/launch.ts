import { spawn } from 'node:child_process'
import { constants } from 'node:os'
import { CommandError, searchPath } from './run.ts'

export interface LaunchOptions {
  /** The descriptors the program gets as 0, 1, 2. They stay open here: the caller closes them. */
  readonly descriptors: readonly [input: number, output: number, errors: number]
  readonly cwd: string
  /** Whether it is to lead a session and process group of its own. */
  readonly session: boolean
}

/** A program that runs until it ends by itself or is killed. */
export interface Launched {
  readonly pid: number
  /** Resolves to the exit code, or to 128 + the number of the signal that ended it. */
  readonly exit: Promise<number>
}

/** Starts a program whose standard streams are descriptors of this process. */
export async function launch(program: string, args: readonly string[], options: LaunchOptions): Promise<Launched> {
  const started = Promise.withResolvers<void>()
  const exit = Promise.withResolvers<number>()
  const child = spawn(program, args, {
    cwd: options.cwd,
    env: { PATH: searchPath, LC_ALL: 'C.UTF-8' },
    stdio: [...options.descriptors],
    detached: options.session,
  })
  child.on('spawn', started.resolve)
  child.on('error', (error) =>
    started.reject(new CommandError('could not be run', { program, args, stderr: '' }, error)),
  )
  child.on('exit', (code, signal) => exit.resolve(code ?? 128 + (signal ? (constants.signals[signal] ?? 0) : 0)))
  await started.promise
  return { pid: child.pid ?? 0, exit: exit.promise }
}
