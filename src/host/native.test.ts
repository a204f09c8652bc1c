import assert from 'node:assert/strict'
import { test } from 'node:test'
import { SyscallError, libc, syscall } from './native.ts'

const umount2 = libc('int umount2(const char *path, int flags)', 0)
const close = libc('int close(int descriptor)')

test('a failing call throws with the name of the errno and what it was about', () => {
  assert.throws(
    () => umount2('/nothing/there', 0),
    (error) =>
      error instanceof SyscallError &&
      error.code === 'ENOENT' &&
      error.message === "ENOENT: no such file or directory, umount2 '/nothing/there'",
  )
})

test('a call on another thread has its own errno', async () => {
  const later = umount2.later('/nothing/there', 0)
  assert.throws(() => close(-1), { code: 'EBADF' })
  await assert.rejects(later, { code: 'ENOENT', syscall: 'umount2' })
})

test('a system call without a libc function is called by its number', () => {
  const pidfdOpen = syscall('pidfd_open', 434, ['int', 'unsigned int'])
  const descriptor = pidfdOpen(process.pid, 0)
  assert.ok(descriptor > 2)
  assert.equal(close(descriptor), 0)
  assert.throws(() => pidfdOpen(-5, 0), { code: 'EINVAL', syscall: 'pidfd_open' })
})
