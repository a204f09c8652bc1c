import assert from 'node:assert/strict'
import { test } from 'node:test'
import { badRequest } from '#base/failure.ts'
import { silentLog } from '#base/log.ts'
import { string } from '#config/key.ts'
import { Events } from '#events/events.ts'
import { fakePolicy } from '#projects/policy/fake-policy.ts'
import type { Policy } from '#projects/policy/policy.ts'
import { Projects } from '#projects/projects.ts'
import { instanceRecords } from '#store/instance-record.ts'
import type { InstanceRecord } from '#store/instance-record.ts'
import { openSqliteStore } from '#store/sqlite.ts'
import { defaultProfileOf } from './default-profile.ts'
import { Profiles } from './profiles.ts'
import type { ProfileUsers } from './profiles.ts'

const instanceKeys = { 'limits.cpu': string({ doc: 'CPU.' }), 'user.*': string({ doc: 'Free.' }) }

async function makeProfiles() {
  const store = openSqliteStore(':memory:')
  const events = new Events({ log: silentLog })
  const policy: Policy = fakePolicy(store, {
    instanceKeys,
    expand: (one, changed) => profiles.expand(one.project, one.profiles, one, changed),
  })
  const projects = new Projects({ store, events, policy, belongings: defaultProfileOf(store) })
  const profiles = new Profiles({
    store,
    events,
    log: silentLog,
    policy,
    projects,
    instanceKeys,
    checkDevices({ devices }) {
      for (const [name, { type }] of Object.entries(devices))
        if (type !== 'none') throw badRequest(`No device "${name}"`)
    },
  })
  await projects.start()
  return { store, projects, profiles, instances: instanceRecords(store) }
}

function instance(project: string, name: string, profiles: readonly string[]): InstanceRecord {
  return {
    project,
    name,
    type: 'container',
    architecture: 'x86_64',
    description: '',
    config: {},
    devices: {},
    profiles,
    ephemeral: false,
    stateful: false,
    pool: '',
    createdAt: '',
    lastUsedAt: '',
    phase: 'ready',
  }
}

const empty = { description: '', config: {}, devices: {} }

/** Remembers what it was asked. */
function makeUsers(instances: ReturnType<typeof instanceRecords>) {
  const asked: string[] = []
  const users: ProfileUsers & { refuses: string; fails: string } = {
    refuses: '',
    fails: '',
    check({ name }, { config }) {
      asked.push(`check ${name} ${config['limits.cpu']}`)
      if (name === users.refuses) throw badRequest('Not me')
    },
    async apply({ project, name }, change, undo) {
      const { before, after } = change(instances.get(project, name)!.value)
      undo.add(name, () => asked.push(`undo ${name}`))
      asked.push(`apply ${name} ${before.config['limits.cpu']} ${after.config['limits.cpu']}`)
      if (name === users.fails) throw new Error('Broken')
    },
    rename({ value, revision }, profiles) {
      const { project, name } = value
      return {
        change: instances.put({ ...value, profiles }, project, name),
        compare: instances.expect(revision, project, name),
      }
    },
  }
  return { users, asked }
}

test('every project with profiles of its own has a profile "default" that comes, moves and goes with it', async () => {
  const { projects, profiles } = await makeProfiles()
  assert.deepEqual(profiles.list('default'), [
    { project: 'default', name: 'default', description: 'Default LXD profile', config: {}, devices: {} },
  ])

  await projects.create('p1', { description: '', config: {} })
  assert.equal(profiles.get('p1', 'default').description, 'Default LXD profile for project p1')
  assert.deepEqual(projects.usedBy('p1'), ['/1.0/profiles/default?project=p1'])

  await profiles.update('p1', 'default', { input: { ...empty, description: 'mine' } })
  await projects.rename('p1', 'p2')
  assert.deepEqual(profiles.list('p2'), [{ project: 'p2', name: 'default', ...empty, description: 'mine' }])

  await projects.update('p2', { description: '', config: {} })
  assert.deepEqual(projects.usedBy('p2'), [])
  assert.equal(profiles.get('p2', 'default').project, 'default')
  await projects.delete('p2')
})

test('a project without profiles of its own uses those of "default"', async () => {
  const { projects, profiles, store, instances } = await makeProfiles()
  await projects.create('p1', { description: '', config: { 'features.profiles': 'false' } })
  await profiles.create('p1', { name: 'web', ...empty })
  await store.commit([
    instances.put(instance('default', 'c1', ['web']), 'default', 'c1'),
    instances.put(instance('p1', 'c1', ['default', 'web']), 'p1', 'c1'),
  ])

  const web = profiles.get('default', 'web')
  assert.equal(web.project, 'default')
  assert.deepEqual(
    profiles.users(web).map(({ value }) => value.project),
    ['default', 'p1'],
  )
})

test('later profiles win over earlier ones, the instance over all, devices as a whole', async () => {
  const { profiles } = await makeProfiles()
  const device = (more: object) => ({ type: 'none', ...more })
  await profiles.create('default', {
    name: 'a',
    description: '',
    config: { 'user.a': 'a', 'user.b': 'a', 'user.c': 'a' },
    devices: { x: device({ one: '1' }), y: device({}) },
  })
  await profiles.create('default', {
    name: 'b',
    description: '',
    config: { 'user.b': 'b', 'user.c': 'b' },
    devices: { x: device({ two: '2' }) },
  })
  const own = { config: { 'user.c': 'own', 'user.d': '' }, devices: { z: device({}) } }

  assert.deepEqual(profiles.expand('default', ['a', 'b', 'gone'], own), {
    config: { 'user.a': 'a', 'user.b': 'b', 'user.c': 'own' },
    devices: { x: { type: 'none', two: '2' }, y: { type: 'none' }, z: { type: 'none' } },
  })
})

test('what can not be in a profile is refused', async () => {
  const { profiles } = await makeProfiles()
  for (const [input, message] of [
    [{ name: '' }, /No name provided/],
    [{ name: 'a/b' }, /may not contain slashes/],
    [{ name: '..' }, /Invalid profile name "\.\."/],
    [{ name: 'a\0' }, /control character/],
    [{ name: 'default' }, /The profile "default" already exists/],
    [{ config: { bogus: '1' } }, /Invalid profile "x" configuration: Unknown configuration key "bogus"/],
    [{ config: { 'volatile.uuid': '1' } }, /Volatile keys can only be set on instances/],
    [{ config: { 'image.os': '1' } }, /Image keys can only be set on instances/],
    [{ devices: { eth0: { type: 'nic' } } }, /No device "eth0"/],
  ] as const) {
    await assert.rejects(profiles.create('default', { name: 'x', ...empty, ...input }), message)
  }
  assert.equal(profiles.list('default').length, 1)
})

test('a change is checked against every instance that uses the profile, and then taken over', async () => {
  const { profiles, store, instances } = await makeProfiles()
  const { users, asked } = makeUsers(instances)
  profiles.setUsers(users)
  await profiles.create('default', { name: 'web', ...empty, config: { 'limits.cpu': '1' } })
  await store.commit(['c1', 'c2'].map((name) => instances.put(instance('default', name, ['web']), 'default', name)))

  const input = { ...empty, config: { 'limits.cpu': '2' } }
  users.refuses = 'c2'
  await assert.rejects(profiles.update('default', 'web', { input }), {
    message: 'Cannot change profile "web", which instance "c2" of project "default" uses',
    kind: 'bad-request',
  })
  assert.equal(profiles.get('default', 'web').config['limits.cpu'], '1')

  users.refuses = ''
  asked.length = 0
  await profiles.update('default', 'web', { input })
  assert.deepEqual(asked, ['check c1 2', 'check c2 2', 'apply c1 1 2', 'apply c2 1 2'])
  assert.equal(profiles.get('default', 'web').config['limits.cpu'], '2')
})

test('a change that an instance does not take is undone everywhere', async () => {
  const { profiles, store, instances } = await makeProfiles()
  const { users, asked } = makeUsers(instances)
  profiles.setUsers(users)
  await profiles.create('default', { name: 'web', ...empty, config: { 'limits.cpu': '1' } })
  await store.commit(['c1', 'c2'].map((name) => instances.put(instance('default', name, ['web']), 'default', name)))

  users.fails = 'c2'
  await assert.rejects(profiles.update('default', 'web', { input: { ...empty, config: { 'limits.cpu': '2' } } }), {
    message: 'Cannot change profile "web" for instance "c2" of project "default"',
  })

  assert.deepEqual(asked.slice(2), ['apply c1 1 2', 'apply c2 1 2', 'undo c2', 'undo c1'])
  assert.equal(profiles.get('default', 'web').config['limits.cpu'], '1')
})

test('a profile in use is renamed with those who use it, but not deleted', async () => {
  const { profiles, store, instances } = await makeProfiles()
  profiles.setUsers(makeUsers(instances).users)
  await profiles.create('default', { name: 'web', ...empty })
  await profiles.create('default', { name: 'other', ...empty })
  await store.commit([instances.put(instance('default', 'c1', ['default', 'web']), 'default', 'c1')])

  await assert.rejects(profiles.delete('default', 'web'), { message: 'Profile is currently in use' })
  await assert.rejects(profiles.rename('default', 'web', { to: 'other' }), { message: 'Name "other" already in use' })
  await profiles.rename('default', 'web', { to: 'shop' })
  assert.deepEqual(instances.get('default', 'c1')?.value.profiles, ['default', 'shop'])
  assert.throws(() => profiles.get('default', 'web'), { message: 'Fetch profile', kind: 'not-found' })

  await profiles.delete('default', 'other')
  assert.throws(() => profiles.check('default', ['default', 'other']), {
    message: `Requested profile "other" doesn't exist`,
  })
})

test('the profile "default" can neither be renamed nor deleted', async () => {
  const { profiles } = await makeProfiles()
  await assert.rejects(profiles.delete('default', 'default'), { message: 'The "default" profile cannot be deleted' })
  await assert.rejects(profiles.rename('default', 'default', { to: 'x' }), {
    message: 'The "default" profile cannot be renamed',
  })
})

test('of two changes of one profile at once, one is refused', async () => {
  const { profiles } = await makeProfiles()
  const change = (description: string) => profiles.update('default', 'default', { input: { ...empty, description } })

  const results = await Promise.allSettled([change('a'), change('b')])

  assert.deepEqual(
    results.map(({ status }) => status),
    ['fulfilled', 'rejected'],
  )
  assert.equal(profiles.get('default', 'default').description, 'a')
})
