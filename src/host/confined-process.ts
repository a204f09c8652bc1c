import { spawn } from 'node:child_process'
import { closeSync, constants, openSync } from 'node:fs'
import type { Readable, Writable } from 'node:stream'
import { nativeLibrary } from './native.ts'
import { searchPath } from './run.ts'

/** Where a confined program lives. */
export interface Confinement {
  /** A descriptor of the directory that is to be its root; it gets it as 3 and enters it by itself. */
  readonly root: number
  /** A descriptor of the user namespace to run in, as its root; none for root of the host. */
  readonly userNamespace: number | undefined
}

/** A confined program that runs. */
export interface ConfinedProcess {
  readonly input: Writable
  readonly output: Readable
  /** Resolves when it has ended, to what it said on standard error. */
  readonly ended: Promise<string>
  kill(): void
}

/** All that working on files takes: what root may do with files of others, and chroot(2). */
const capabilities = ['chown', 'dac_override', 'fowner', 'fsetid', 'sys_chroot']

const maxSaid = 4096

/**
 * Runs a script of ours in Node as root of a user namespace, with few capabilities. Nothing of the host that is not for everyone can
 * be opened from there, so that the script must be whole, and Node and the library for native calls (as descriptor 6) are handed to
 * it open. It dies with this process.
 */
export function startConfined(script: string, { root, userNamespace }: Confinement): ConfinedProcess {
  const node = openSync(process.execPath, constants.O_RDONLY)
  const native = openSync(nativeLibrary(), constants.O_RDONLY)
  try {
    const [program = '', ...args] = [
      ...(userNamespace === undefined ? [] : ['nsenter', '--user=/proc/self/fd/4']),
      ...['setpriv', '--pdeathsig=KILL', '--no-new-privs', `--bounding-set=-all,${plus(capabilities)}`],
      ...['/proc/self/fd/5', '--no-warnings', '--disable-sigusr1', '--max-old-space-size=128'],
      ...['--input-type=module', '--eval', script],
    ]
    const child = spawn(program, args, {
      cwd: '/',
      env: { PATH: searchPath, LC_ALL: 'C.UTF-8' },
      stdio: ['pipe', 'pipe', 'pipe', root, userNamespace ?? 'ignore', node, native],
    })
    // All three are pipes, as asked for.
    const [input, output, errors] = [child.stdin!, child.stdout!, child.stderr!]
    let said = ''
    errors.on('data', (chunk: Buffer) => (said = `${said}${chunk.toString()}`.slice(-maxSaid)))
    input.on('error', () => {})
    const { promise, resolve } = Promise.withResolvers<string>()
    child.on('error', (error) => resolve(error.message))
    child.on('close', () => resolve(said))
    return { input, output, ended: promise, kill: () => child.kill('SIGKILL') }
  } finally {
    closeSync(node)
    closeSync(native)
  }
}

function plus(names: readonly string[]): string {
  return names.map((name) => `+${name}`).join(',')
}
