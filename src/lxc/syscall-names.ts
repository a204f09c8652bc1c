import { nativeFunction } from '#host/native.ts'
import type { SyscallNames } from './seccomp.ts'

const library = 'libseccomp.so.2'
const resolveName = nativeFunction(library, 'int seccomp_syscall_resolve_name(const char *name)')
const resolveNumber = nativeFunction(
  library,
  'const char *seccomp_syscall_resolve_num_arch(uint32_t architecture, int number)',
)

const notFound = -1
/** Above the number of any system call, of any architecture we ask about. */
const numbers = 1024

/** By machine: the architectures its kernel runs as well, by liblxc's names and by libseccomp's tokens (seccomp.h). */
const compatible: Readonly<Record<string, readonly (readonly [name: string, token: number])[]>> = {
  x86_64: [
    ['x86', 0x4000_0003],
    ['x32', 0x4000_003e],
  ],
  aarch64: [['arm', 0x4000_0028]],
}

const found = new Map<number, readonly string[]>()

function callsOf(architecture: number): readonly string[] {
  let names = found.get(architecture)
  if (!names) {
    names = Array.from({ length: numbers }, (_, number) => resolveNumber()(architecture, number)).filter(
      (name): name is string => typeof name === 'string',
    )
    found.set(architecture, names)
  }
  return names
}

/** The {@link SyscallNames} of libseccomp. */
export const syscallNames: SyscallNames = {
  isKnown: (name) => resolveName()(name) !== notFound,
  compat: (machine) => new Map((compatible[machine] ?? []).map(([name, token]) => [name, callsOf(token)])),
}
