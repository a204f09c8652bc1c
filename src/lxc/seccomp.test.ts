import assert from 'node:assert/strict'
import { test } from 'node:test'
import { formatSeccomp, parseRules } from './seccomp.ts'
import { syscallNames } from './syscall-names.ts'

const nothing = { denyDefault: false, denyCompat: false, deny: '', allow: '' }
const names = {
  isKnown: (name: string) => ['mount', 'umount2', 'read'].includes(name),
  compat: (machine: string) => (machine === 'x86_64' ? ['mmap2', 'socketcall'] : []),
}
const format = (policy: object, machine = 'x86_64') => formatSeccomp({ ...nothing, ...policy }, machine, names)

test('a profile has the default rules, those for other architectures and one’s own', () => {
  assert.equal(format({}), undefined)
  assert.equal(
    format({ denyDefault: true }),
    `2
denylist
reject_force_umount
[all]
kexec_load errno 38
kexec_file_load errno 38
open_by_handle_at errno 38
init_module errno 38
finit_module errno 38
delete_module errno 38
`,
  )
  assert.equal(format({ denyCompat: true }), '2\ndenylist\n[all]\nmmap2 errno 38\nsocketcall errno 38\n')
  assert.equal(format({ denyCompat: true }, 'riscv64'), undefined)
  assert.equal(format({ deny: 'mount errno 1\numount2' }), '2\ndenylist\n[all]\nmount errno 1\numount2\n')
})

test('a list of what is allowed takes the place of everything else', () => {
  assert.equal(format({ denyDefault: true, allow: 'read' }), '2\nallowlist\n[all]\nread\n')
})

test('rules are read in all their forms', () => {
  assert.deepEqual(
    parseRules(
      '# comment\nmount\n\n  mount   errno 1 # why\n[x86]\nread kill\nread errno 1 [2,0x10,SCMP_CMP_MASKED_EQ,16]',
      names,
    ),
    ['mount', 'mount errno 1', '[x86]', 'read kill', 'read errno 1 [2,0x10,SCMP_CMP_MASKED_EQ,16]'],
  )
})

test('what is no rule, or of no system call, is refused', () => {
  for (const text of [
    'mount bad',
    'mount errno',
    '2',
    'mount errno 1; read',
    '[nonsense]',
    'mount\0',
    'allowlist',
    'mont',
  ]) {
    assert.throws(() => parseRules(text, names), /Invalid rule/)
  }
})

test('libseccomp knows the system calls', () => {
  assert.ok(syscallNames.isKnown('kexec_load'))
  assert.ok(!syscallNames.isKnown('compat_sys_ioctl'))
  const x86 = syscallNames.compat('x86_64')
  assert.ok(x86.includes('socketcall') && x86.includes('mmap2') && !x86.includes('read'), x86.join(' '))
})
