import assert from 'node:assert/strict'
import { test } from 'node:test'
import { checkConfig } from '#config/config.ts'
import { fakeContext } from '../fake-context.ts'
import { processes } from './processes.ts'

test('the number of processes is limited, and no more once the key is gone', () => {
  const [limited] = processes.cgroup(fakeContext({ 'limits.processes': '50' }))
  assert.deepEqual(limited, { controller: 'pids', item: 'pids.max', value: '50', fresh: false })
  const [free] = processes.cgroup(fakeContext({}))
  assert.deepEqual(free, { controller: 'pids', item: 'pids.max', value: 'max', fresh: true })
})

test('what is no number of processes is refused, and one that nothing can hold', () => {
  for (const value of ['0', '-1', '1.5', 'many', '4194305']) {
    assert.throws(() => checkConfig('instance', processes.keys, { 'limits.processes': value }), /limits.processes/)
  }
  const none = { host: { cgroups: new Map() } }
  assert.deepEqual(processes.cgroup(fakeContext({}, none)), [])
  assert.throws(() => processes.cgroup(fakeContext({ 'limits.processes': '5' }, none)), /no "pids" controller/)
})
