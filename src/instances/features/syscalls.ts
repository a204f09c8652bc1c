import { badRequest } from '#base/failure.ts'
import { readConfig } from '#config/config.ts'
import type { Config } from '#config/config.ts'
import { bool, keyType, string } from '#config/key.ts'
import { formatSeccomp, parseRules } from '#lxc/seccomp.ts'
import { syscallNames } from '#lxc/syscall-names.ts'
import { defineFeature } from '../feature.ts'

const rules = keyType('system call rules', (text) => {
  parseRules(text, syscallNames)
  return text
})

const keys = {
  'security.syscalls.deny_default': bool({
    doc: `Deny the system calls that no container needs.

Loading kernels and modules, opening files by handle and forced unmounts.`,
    default: 'true',
    risk: 'lowlevel',
  }),
  'security.syscalls.deny_compat': bool({
    doc: `Deny the system calls that only programs of other architectures make, such as 32-bit ones.

Such programs then don't run. Calls that all architectures have can't be denied to one of them.`,
    default: 'false',
    risk: 'safe',
  }),
  'security.syscalls.deny': rules({
    doc: `System calls to deny, one a line.

A name alone ends the process that makes the call; \`mount errno 1\` makes the call fail with that error number.`,
    risk: 'safe',
  }),
  'security.syscalls.allow': rules({
    doc: 'The only system calls allowed, one a line; any other ends the process that makes it.',
    risk: 'lowlevel',
  }),
  'security.syscalls.blacklist_default': bool({
    doc: 'Old name of `security.syscalls.deny_default`.',
    risk: 'lowlevel',
  }),
  'security.syscalls.blacklist_compat': bool({ doc: 'Old name of `security.syscalls.deny_compat`.', risk: 'safe' }),
  'security.syscalls.blacklist': rules({ doc: 'Old name of `security.syscalls.deny`.', risk: 'safe' }),
  'security.syscalls.whitelist': rules({ doc: 'Old name of `security.syscalls.allow`.', risk: 'lowlevel' }),
  'raw.seccomp': string({
    doc: "A whole seccomp profile in liblxc's format, in place of what the other keys make.",
    risk: 'lowlevel',
    check: checkProfile,
  }),
}

/** The old name of each key. */
const oldNames = {
  'security.syscalls.deny_default': 'security.syscalls.blacklist_default',
  'security.syscalls.deny_compat': 'security.syscalls.blacklist_compat',
  'security.syscalls.deny': 'security.syscalls.blacklist',
  'security.syscalls.allow': 'security.syscalls.whitelist',
} as const

/** Which system calls a container may make. */
export const syscalls = defineFeature({
  keys,

  check(_, config) {
    const isSet = (name: string) => Boolean(config[name])
    const refuse = (one: string, other: string) => {
      throw badRequest(`Invalid instance configuration: "${one}" and "${other}" exclude each other`)
    }
    for (const [name, old] of Object.entries(oldNames)) if (isSet(name) && isSet(old)) refuse(name, old)
    const own = Object.keys(keys).filter((name) => name.startsWith('security.syscalls.') && isSet(name))
    const allow = own.find((name) => /allow|whitelist/.test(name))
    const deny = own.find((name) => /deny|blacklist/.test(name))
    if (allow !== undefined && deny !== undefined) refuse(allow, deny)
    if (isSet('raw.seccomp') && own[0] !== undefined) refuse('raw.seccomp', own[0])
  },
})

/** The seccomp profile that a configuration comes to, or undefined for none. */
export function seccompProfile(config: Config, machine: string): string | undefined {
  const values = readConfig(keys, config)
  if (values['raw.seccomp'] !== undefined) return values['raw.seccomp']
  return formatSeccomp(
    {
      denyDefault: values['security.syscalls.blacklist_default'] ?? values['security.syscalls.deny_default'],
      denyCompat: values['security.syscalls.blacklist_compat'] ?? values['security.syscalls.deny_compat'],
      deny: values['security.syscalls.deny'] ?? values['security.syscalls.blacklist'] ?? '',
      allow: values['security.syscalls.allow'] ?? values['security.syscalls.whitelist'] ?? '',
    },
    machine,
    syscallNames,
  )
}

/** liblxc reads the lines; that there are the two it looks at first is all that can be told beforehand. */
function checkProfile(text: string): void {
  // oxlint-disable-next-line no-control-regex
  if (!/^[12]\n(allowlist|denylist|whitelist|blacklist)\b/.test(text) || /[\u0000-\u0008\u000B-\u001F]/.test(text)) {
    throw new Error(
      'Invalid seccomp profile: expected "2" on the first line and "allowlist" or "denylist" on the second',
    )
  }
}
