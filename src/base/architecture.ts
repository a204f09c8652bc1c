import { badRequest } from './failure.ts'

/** The kernel's names of architectures, each with what distributions call it. */
const names: Readonly<Record<string, readonly string[]>> = {
  i686: ['i386', 'i586', '386', 'x86', 'generic_32'],
  x86_64: ['amd64', 'generic_64'],
  armv7l: ['armel', 'armhf', 'arm', 'armhfp', 'armv7a_hardfp', 'armv7', 'armv7a_vfpv3_hardfp'],
  aarch64: ['arm64'],
  ppc: ['powerpc'],
  ppc64: ['powerpc64'],
  ppc64le: ['ppc64el'],
  s390x: ['mainframe'],
  mips: ['mipsel', 'mipsle'],
  mips64: ['mips64el', 'mips64le'],
  riscv32: [],
  riscv64: [],
}

const canonical = new Map(
  Object.entries(names).flatMap(([name, others]) => [name, ...others].map((one) => [one, name])),
)

/** The kernel's name of an architecture: `x86_64` for `amd64`. Throws a bad-request Failure for an unknown one. */
export function parseArchitecture(text: string): string {
  const name = canonical.get(text.toLowerCase())
  if (name === undefined) {
    throw badRequest(`Architecture isn't supported: "${text.slice(0, 100)}": expected one such as "x86_64"`)
  }
  return name
}

/** What else than its own a machine runs the programs of. */
const personalities: Readonly<Record<string, readonly string[]>> = { x86_64: ['i686'], aarch64: ['armv7l'] }

/** The architectures whose programs a machine runs, its own first. */
export function runnableOn(machine: string): readonly string[] {
  return [machine, ...(personalities[machine] ?? [])]
}
