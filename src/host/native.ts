/**
 * The one door to native code: functions of shared libraries by their C prototype, with errno turned into errors.
 *
 * koffi is loaded at the first call, so that a program that only imports this starts without it. Prototypes are C:
 * `int umount2(const char *path, int flags)`. Pointers to memory are passed as Buffers, strings as strings.
 */
import { createRequire } from 'node:module'
import { dirname, join } from 'node:path'
import { getSystemErrorMap } from 'node:util'

type Koffi = typeof import('koffi')

/** What a native function takes; `null` is the null pointer. */
export type NativeArgument = number | bigint | string | Uint8Array | null

/** A function that answers a number; 64-bit numbers beyond 2⁵³ come as bigint. */
export interface NativeFunction {
  (...args: readonly NativeArgument[]): unknown
  /** The same on a thread of its own: for what may block. Per-thread state (fsuid, capabilities) is not ours there. */
  async(...args: readonly unknown[]): void
}

let koffi: Koffi | undefined
const libraries = new Map<string, ReturnType<Koffi['load']>>()

/** koffi itself, loaded at the first call. For what goes beyond plain functions: structures, pointers, callbacks. */
export function nativeKoffi(): Koffi {
  koffi ??= createRequire(import.meta.url)('koffi') as Koffi
  return koffi
}

/** The file of koffi itself, for a process that has to be handed it. */
export function nativeLibrary(): string {
  const machine = `linux-${process.arch}`
  const fromKoffi = createRequire(createRequire(import.meta.url).resolve('koffi'))
  return join(
    dirname(fromKoffi.resolve(`@koromix/koffi-${machine}/package.json`)),
    machine.replace('-', '_'),
    'koffi.node',
  )
}

/** A function of `library`, looked up at its first call, given its C prototype. */
export function nativeFunction(library: string, prototype: string): () => NativeFunction {
  let found: NativeFunction | undefined
  return () => {
    found ??= loadLibrary(library).func(prototype) as NativeFunction
    return found
  }
}

function loadLibrary(name: string): ReturnType<Koffi['load']> {
  const loaded = libraries.get(name) ?? nativeKoffi().load(name)
  libraries.set(name, loaded)
  return loaded
}

/** A system call failed. `code` is the errno's name, such as `ENOENT`, as Node's own errors have it. */
export class SyscallError extends Error {
  readonly syscall: string
  /** The number, positive. */
  readonly errno: number
  readonly code: string

  constructor(syscall: string, errno: number, about = '') {
    const [code, says] = getSystemErrorMap().get(-errno) ?? [`E${errno}`, 'unknown error']
    super(`${code}: ${says}, ${syscall}${about === '' ? '' : ` '${about}'`}`)
    this.name = 'SyscallError'
    this.syscall = syscall
    this.errno = errno
    this.code = code
  }
}

/** A libc function that answers -1 and sets errno when it fails: calling it throws a {@link SyscallError} instead. */
export interface Syscall {
  (...args: readonly NativeArgument[]): number
  /** On a thread of its own, for what may block for long. */
  later(...args: readonly NativeArgument[]): Promise<number>
}

/**
 * A function of libc that fails with -1 and errno. `about` picks the argument an error message is to name, by its
 * place in the argument list.
 */
export function libc(prototype: string, about?: number): Syscall {
  const native = nativeFunction('libc.so.6', prototype)
  const name = /(\w+)\s*\(/.exec(prototype)?.[1] ?? prototype
  return withErrno(native, name, about)
}

/** A system call that libc has no function for, by its number, with the C types of its arguments. */
export function syscall(name: string, number: number, types: readonly string[], about?: number): Syscall {
  let found: NativeFunction | undefined
  const native = () => {
    found ??= loadLibrary('libc.so.6').func('syscall', 'long', ['long', ...types]) as NativeFunction
    return found
  }
  const bound = withErrno(native, name, about === undefined ? undefined : about + 1)
  return Object.assign((...args: readonly NativeArgument[]) => bound(number, ...args), {
    later: (...args: readonly NativeArgument[]) => bound.later(number, ...args),
  })
}

function withErrno(native: () => NativeFunction, name: string, about: number | undefined): Syscall {
  const failure = (args: readonly NativeArgument[]) => {
    const argument = about === undefined ? '' : args[about]
    return new SyscallError(name, nativeKoffi().errno(), typeof argument === 'string' ? argument : '')
  }
  const call = (...args: readonly NativeArgument[]): number => {
    const result = Number(native()(...args))
    if (result === -1) throw failure(args)
    return result
  }
  const later = (...args: readonly NativeArgument[]): Promise<number> => {
    const { promise, resolve, reject } = Promise.withResolvers<number>()
    // koffi hands the errno of that very call over to its callback.
    native().async(...args, (error: unknown, result: unknown) => {
      if (error) reject(error as Error)
      else if (Number(result) === -1) reject(failure(args))
      else resolve(Number(result))
    })
    return promise
  }
  return Object.assign(call, { later })
}
