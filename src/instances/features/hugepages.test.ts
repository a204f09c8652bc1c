import assert from 'node:assert/strict'
import { test } from 'node:test'
import { fakeContext } from '../fake-context.ts'
import { hugepages } from './hugepages.ts'

test('every size of pages the host has is limited or let free', () => {
  const settings = hugepages.cgroup(fakeContext({ 'limits.hugepages.2MB': '64MiB' }))
  assert.deepEqual(
    settings.map(({ item, value, fresh }) => [item, value, fresh]),
    [
      ['hugetlb.2MB.max', '67108864', false],
      ['hugetlb.1GB.max', 'max', true],
    ],
  )
})

test('a limit that nothing on the host can hold is refused', () => {
  const none = { host: { cgroups: new Map() } }
  assert.deepEqual(hugepages.cgroup(fakeContext({}, none)), [])
  const cgroup = (key: string, options?: typeof none) => hugepages.cgroup(fakeContext({ [key]: '1GiB' }, options))
  assert.throws(() => cgroup('limits.hugepages.2MB', none), /this host has no "hugetlb" controller/)
  assert.throws(() => cgroup('limits.hugepages.64KB'), /this host has no huge pages of 64KB/)
})
