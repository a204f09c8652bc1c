/**
 * Seccomp profiles in the format of liblxc, version 2 (lxc.container.conf(5), "SECCOMP CONFIGURATION"):
 *
 *     2
 *     denylist
 *     [all]
 *     kexec_load errno 38
 */

/** What the profile of a container is made from. */
export interface SeccompPolicy {
  /** Deny what no container needs and what reaches past its namespaces. */
  readonly denyDefault: boolean
  /**
   * Deny the system calls that only programs of other architectures make which the host runs as well, such as x86 on
   * x86_64. That is enough for them not to run; liblxc can not deny a call of one architecture that all have.
   */
  readonly denyCompat: boolean
  /** Further rules, one a line. */
  readonly deny: string
  /** Rules of all that is allowed, one a line; with any, nothing of the above counts. */
  readonly allow: string
}

/** The system calls there are, as libseccomp knows them. */
export interface SyscallNames {
  isKnown(name: string): boolean
  /** The calls of the other architectures that a machine runs, which its own has not. */
  compat(machine: string): readonly string[]
}

/** ENOSYS: what a kernel without the call would answer. */
const noSuchCall = 'errno 38'

/** Loading kernels and modules, and opening files by handle, which walks out of any directory tree. */
const deniedByDefault = [
  'kexec_load',
  'kexec_file_load',
  'open_by_handle_at',
  'init_module',
  'finit_module',
  'delete_module',
]

/** The text of a profile, or undefined where nothing is denied. */
export function formatSeccomp(policy: SeccompPolicy, machine: string, names: SyscallNames): string | undefined {
  const allowed = parseRules(policy.allow, names)
  if (allowed.length > 0) return ['2', 'allowlist', '[all]', ...allowed, ''].join('\n')

  const lines: string[] = []
  // A forced unmount can take a file system away that hangs, and with it what it covers.
  if (policy.denyDefault) {
    lines.push('reject_force_umount', '[all]', ...deniedByDefault.map((name) => `${name} ${noSuchCall}`))
  }
  const compat = policy.denyCompat ? names.compat(machine) : []
  if (compat.length > 0) lines.push('[all]', ...compat.map((name) => `${name} ${noSuchCall}`))
  const denied = parseRules(policy.deny, names)
  if (denied.length > 0) lines.push('[all]', ...denied)
  return lines.length === 0 ? undefined : ['2', 'denylist', ...lines, ''].join('\n')
}

const action = String.raw`(?:errno \d{1,4}|kill|trap|allow|log)`
const argument = String.raw`\[\d,(?:0x[0-9a-f]{1,16}|\d{1,20}),SCMP_CMP_[A-Z_]+(?:,(?:0x[0-9a-f]{1,16}|\d{1,20}))?\]`
const rule = new RegExp(String.raw`^(\w+)(?: ${action})?(?: ${argument})*$`)
const section =
  /^\[(all|x86|x86_64|x32|arm|arm64|mips|mips64|mips64n32|mipsel|mipsel64|mipsel64n32|ppc|ppc64|ppc64le|s390x|riscv64)\]$/i

/**
 * The rules in a text, one a line: a system call, then perhaps what happens and for which arguments; lines such as
 * `[x86_64]` say for which architecture the next ones are. A name that no system call has would deny nothing and is
 * refused, and so is all that is no rule.
 */
export function parseRules(text: string, names: SyscallNames): string[] {
  const lines = text.split('\n').map((line) => line.replace(/#.*/, '').trim().replaceAll(/\s+/g, ' '))
  return lines
    .filter((line) => line !== '')
    .map((line) => {
      const name = rule.exec(line)?.[1]
      if (name === undefined && !section.test(line)) {
        throw new Error(
          `Invalid rule "${line}": expected the name of a system call, such as "mount" or "mount errno 1"`,
        )
      }
      if (name !== undefined && !names.isKnown(name)) {
        throw new Error(`Invalid rule "${line}": there is no system call "${name}"`)
      }
      return line
    })
}
