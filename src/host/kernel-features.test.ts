import assert from 'node:assert/strict'
import { test } from 'node:test'
import { atLeast, readKernelFeatures } from './kernel-features.ts'

test('releases are compared by their numbers', () => {
  for (const [kernel, major, minor, expected] of [
    ['6.1.0-40-amd64', 5, 5, true],
    ['5.10.0', 5, 5, true],
    ['5.5-rc1', 5, 5, true],
    ['5.4.0', 5, 5, false],
    ['4.20.0', 5, 5, false],
    ['strange', 4, 14, false],
  ] as const) {
    assert.equal(atLeast(kernel, major, minor), expected, kernel)
  }
})

test('mounts that the kernel does not idmap are said so, and the rest is found out still', async () => {
  const refusing = {
    use: () => Promise.reject(new Error('EINVAL')),
    [Symbol.dispose]() {},
  }
  const features = await readKernelFeatures({ directory: '/', userNamespaces: refusing })
  assert.equal(features['idmapped_mounts'], false)
  assert.equal(features['unpriv_fscaps'], true)
  assert.deepEqual(Object.keys(features), [
    'idmapped_mounts',
    'netnsid_getifaddrs',
    'seccomp_listener',
    'seccomp_listener_continue',
    'shiftfs',
    'uevent_injection',
    'unpriv_fscaps',
  ])
})
