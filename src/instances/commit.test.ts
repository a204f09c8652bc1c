import assert from 'node:assert/strict'
import { test } from 'node:test'
import { Failure } from '#base/failure.ts'
import { findKind } from '#devices/all.ts'
import { none } from '#devices/none.ts'
import type { DeviceKind } from '#devices/device.ts'
import { string } from '#config/key.ts'
import { expandLayers } from '#profiles/expand.ts'
import { fakePolicy } from '#projects/policy/fake-policy.ts'
import type { InstanceRecord } from '#store/instance-record.ts'
import { projectRecords } from '#store/project-record.ts'
import { openSqliteStore } from '#store/sqlite.ts'
import { InstanceCommit } from './commit.ts'

const disk: DeviceKind = {
  ...none,
  kind: 'disk',
  keys: { path: string({ doc: 'Path.' }), pool: string({ doc: 'Pool.' }) },
}
const nic: DeviceKind = {
  ...none,
  kind: 'nic/bridged',
  keys: { network: string({ doc: 'Network.' }), hwaddr: string({ doc: 'MAC.' }) },
  volatile: ({ config, volatile }) => (config['hwaddr'] || volatile['hwaddr'] ? {} : { hwaddr: '00:16:3e:00:00:01' }),
}
const root = { type: 'disk', path: '/', pool: 'default' }
const profile = { config: { 'user.a': 'profile' }, devices: { root, eth0: { type: 'nic', network: 'lxdbr0' } } }

async function makeCommit() {
  const store = openSqliteStore(':memory:')
  const projects = projectRecords(store)
  await store.commit([projects.put({ name: 'default', description: '', config: {} }, 'default')])
  const commit = new InstanceCommit({
    store,
    policy: fakePolicy(store),
    profiles: {
      check: () => {},
      expand: (_project, profiles, own) => expandLayers([...(profiles.length > 0 ? [profile] : []), own]),
    },
    findKind: (config) => findKind([disk, nic, none], config),
    allowsPrivileged: () => true,
  })
  return { store, commit, projects }
}

const record: InstanceRecord = {
  project: 'default',
  name: 'c1',
  type: 'container',
  architecture: 'x86_64',
  description: '',
  config: {},
  devices: {},
  profiles: ['default'],
  ephemeral: false,
  stateful: false,
  pool: 'default',
  createdAt: '2026-01-01T00:00:00Z',
  lastUsedAt: '1970-01-01T00:00:00Z',
  phase: 'ready',
}

function failsWith(kind: Failure['kind'], message: RegExp) {
  return (error: unknown) => error instanceof Failure && error.kind === kind && message.test(error.message)
}

test('a write makes the volatile keys of devices, also of those that profiles bring', async () => {
  const { commit } = await makeCommit()
  const { value } = await commit.write({ ...record, config: { 'user.b': '', 'user.c': 'x' } }, undefined)
  assert.deepEqual(value.config, { 'user.c': 'x', 'volatile.eth0.hwaddr': '00:16:3e:00:00:01' })
  assert.deepEqual(commit.expand(value).config['user.a'], 'profile')
})

test('volatile keys of a device that is gone are dropped, those of the daemon stay', async () => {
  const { commit } = await makeCommit()
  const before = await commit.write(
    { ...record, config: { 'volatile.eth0.host_name': 'veth1', 'volatile.idmap.base': '0', 'volatile.uuid': 'u' } },
    undefined,
  )
  const { value } = await commit.write({ ...before.value, devices: { root }, profiles: [] }, before)
  assert.deepEqual(value.config, { 'volatile.idmap.base': '0', 'volatile.uuid': 'u' })
})

test('what can not be is refused, whole, before anything is written', async () => {
  const { commit } = await makeCommit()
  for (const [change, message] of [
    [{ config: { 'security.privileged': 'ture' } }, /"security.privileged"/],
    [{ config: { 'security.privilegde': 'true' } }, /nearest known key is "security.privileged"/],
    [{ profiles: [] }, /no root device/],
    [{ devices: { root: { ...root, pool: 'other' } } }, /can not be changed/],
    [{ devices: { root2: root } }, /both root disks/],
    [{ devices: { eth0: { type: 'nic', network: 'x', speed: '1' } } }, /"eth0"/],
    [{ devices: { x: { type: 'warp' } } }, /Unsupported device type "warp"/],
    [{ devices: { 'a/b': { type: 'none' } } }, /"a\/b"/],
    [{ name: 'a_b' }, /Invalid instance name/],
    [{ architecture: 'bla' }, /Architecture isn't supported: "bla"/],
  ] as const) {
    await assert.rejects(commit.write({ ...record, ...change }, undefined), failsWith('bad-request', message))
  }
  assert.deepEqual(commit.listAll(), [])
})

test('an instance is not put into a project that is going', async () => {
  const { store, commit, projects } = await makeCommit()
  const results = await Promise.allSettled([
    store.commit([projects.delete('default')]),
    commit.write(record, undefined),
  ])
  assert.deepEqual(
    results.map(({ status }) => status),
    ['fulfilled', 'rejected'],
  )
  await assert.rejects(commit.write(record, undefined), failsWith('not-found', /Project not found/))
})

test('a name is given once', async () => {
  const { commit } = await makeCommit()
  const results = await Promise.allSettled([commit.write(record, undefined), commit.write(record, undefined)])
  assert.deepEqual(
    results.map(({ status }) => status),
    ['fulfilled', 'rejected'],
  )
})

test('a write on top of a record that has changed meanwhile is refused', async () => {
  const { commit } = await makeCommit()
  const before = await commit.write(record, undefined)
  await commit.note('default', 'c1', { volatile: { 'volatile.last_state.power': 'RUNNING' } })
  await assert.rejects(commit.write(record, before), failsWith('conflict', /changed meanwhile/))
})

test('a half-made instance is not to be seen', async () => {
  const { commit } = await makeCommit()
  await commit.write({ ...record, phase: 'creating' }, undefined)
  assert.deepEqual(commit.list(), [])
  assert.throws(() => commit.get('default', 'c1'), failsWith('not-found', /not found/))
  await commit.note('default', 'c1', { phase: 'ready' })
  assert.equal(commit.list().length, 1)
})

test('a rename moves the record in one write', async () => {
  const { commit } = await makeCommit()
  const before = await commit.write(record, undefined)
  await commit.rename(before, 'c2')
  assert.deepEqual(
    commit.list().map(({ name }) => name),
    ['c2'],
  )
  await commit.write(record, undefined)
  await assert.rejects(commit.rename(commit.get('default', 'c1'), 'c2'), failsWith('conflict', /already exists/))
})
