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

/** By machine: the architecture its kernel runs as well, as libseccomp's token (seccomp.h). */
const compatible: ReadonlyMap<string, number> = new Map([
  ['x86_64', 0x4000_0003],
  ['aarch64', 0x4000_0028],
])

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
  compat(machine) {
    const architecture = compatible.get(machine)
    // libseccomp has numbers below zero for calls of other architectures.
    return architecture === undefined ? [] : callsOf(architecture).filter((name) => Number(resolveName()(name)) < 0)
  },
}
