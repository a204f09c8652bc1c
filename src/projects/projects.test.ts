import assert from 'node:assert/strict'
import { test } from 'node:test'
import { explain, Failure } from '#base/failure.ts'
import { silentLog } from '#base/log.ts'
import { Events } from '#events/events.ts'
import type { Event } from '#events/events.ts'
import { networkRecords } from '#store/network-record.ts'
import { projectRecords } from '#store/project-record.ts'
import { openSqliteStore } from '#store/sqlite.ts'
import { fakePolicy } from './policy/fake-policy.ts'
import { checkHarmless, Projects } from './projects.ts'
import { usageOf } from './usage.ts'

async function makeProjects() {
  const store = openSqliteStore(':memory:')
  const events = new Events({ log: silentLog })
  const heard: Event[] = []
  events.subscribe((event) => heard.push(event))
  const projects = new Projects({ store, events, policy: fakePolicy(store), belongings: () => [] })
  await projects.start()
  return { store, projects, heard, networks: networkRecords(store) }
}

const network = {
  project: 'p1',
  name: 'br0',
  type: 'bridge',
  description: '',
  config: {},
  hwaddr: '',
  phase: 'ready' as const,
}

test('the first start makes the project "default", with everything to itself', async () => {
  const { projects } = await makeProjects()
  await projects.start()

  assert.deepEqual(projects.list(), [
    {
      name: 'default',
      description: 'Default LXD project',
      config: {
        'features.images': 'true',
        'features.networks': 'true',
        'features.profiles': 'true',
        'features.storage.volumes': 'true',
      },
    },
  ])
})

test('a new project has images, profiles and volumes of its own unless told otherwise', async () => {
  const { projects, heard } = await makeProjects()
  await projects.create('p1', { description: 'd', config: { 'user.a': 'b', 'features.images': 'no', 'user.c': '' } })

  assert.deepEqual(projects.get('p1').value.config, {
    'features.images': 'no',
    'features.profiles': 'true',
    'features.storage.volumes': 'true',
    'user.a': 'b',
  })
  assert.equal(projects.effective('p1', 'images'), 'default')
  assert.equal(projects.effective('p1', 'profiles'), 'p1')
  assert.equal(projects.effective('p1', 'networks'), 'default')
  assert.equal(projects.effective('default', 'networks'), 'default')
  assert.deepEqual(
    heard.map(({ project, metadata }) => [project, metadata]),
    [['p1', { action: 'project-created', source: '/1.0/projects/p1' }]],
  )
})

test('names and keys that can not be are refused, and nothing is made', async () => {
  const { projects } = await makeProjects()
  for (const [name, config, message] of [
    ['', {}, /No name provided/],
    ['a/b', {}, /may not contain slashes/],
    ['a b', {}, /may not contain spaces/],
    ['a_b', {}, /may not contain underscores/],
    ["a'b", {}, /may not contain quotes/],
    ['*', {}, /Reserved project name/],
    ['..', {}, /Invalid project name/],
    ['a\nb', {}, /Invalid project name/],
    ['x'.repeat(64), {}, /at most 63/],
    ['default', {}, /A project named "default" already exists/],
    ['p1', { bogus: '1' }, /Unknown configuration key "bogus"/],
    ['p1', { 'features.image': 'true' }, /nearest known key is "features.images"/],
    ['p1', { 'features.images': 'maybe' }, /"features.images": .*expected true or false/],
    ['p1', { 'features.networks': 'true' }, /only the project "default" can have networks/],
  ] as const) {
    await assert.rejects(projects.create(name, { description: '', config }), message, name)
  }
  assert.equal(projects.list().length, 1)
})

test('a project that is not there is named', async () => {
  const { projects } = await makeProjects()
  assert.throws(() => projects.get('nope'), { message: 'Project not found', kind: 'not-found' })
  assert.equal(projects.has('nope'), false)
  assert.throws(() => projects.effective('nope', 'images'), { kind: 'not-found' })
})

test('features change only while a project is empty, and never those of "default"', async () => {
  const { store, projects, networks } = await makeProjects()
  await projects.create('p1', { description: '', config: {} })
  await projects.update('p1', { description: 'x', config: { 'features.images': 'false' } })
  assert.equal(projects.effective('p1', 'profiles'), 'default')

  await store.commit([networks.put(network, 'p1', 'br0')])
  await projects.update('p1', { description: 'y', config: { 'features.images': 'off', 'user.a': 'b' } })
  await assert.rejects(projects.update('p1', { description: '', config: { 'features.images': 'true' } }), {
    message: 'Project feature "features.images" cannot be enabled on non-empty projects',
  })
  await assert.rejects(projects.update('default', { description: '', config: {} }), {
    message: "You can't change the features of the default project",
  })
})

test('only empty projects are renamed or deleted', async () => {
  const { store, projects, networks, heard } = await makeProjects()
  await projects.create('p1', { description: '', config: {} })
  await store.commit([networks.put(network, 'p1', 'br0')])

  assert.deepEqual(projects.usedBy('p1'), ['/1.0/networks/br0?project=p1'])
  await assert.rejects(projects.delete('p1'), { message: 'Only empty projects can be removed' })
  await assert.rejects(projects.rename('p1', 'p2'), { message: 'Only empty projects can be renamed' })

  await store.commit([networks.delete('p1', 'br0')])
  await projects.rename('p1', 'p2')
  await assert.rejects(projects.rename('p2', 'default'), { message: 'A project named "default" already exists' })
  await projects.delete('p2')
  assert.deepEqual(
    projects.list().map(({ name }) => name),
    ['default'],
  )
  assert.deepEqual(
    heard.slice(1).map(({ metadata }) => metadata),
    [
      { action: 'project-renamed', source: '/1.0/projects/p2', context: { old_name: 'p1' } },
      { action: 'project-deleted', source: '/1.0/projects/p2' },
    ],
  )
})

test('a project does not go while something is put into it', async () => {
  const { store, projects, networks } = await makeProjects()
  await projects.create('p1', { description: '', config: {} })
  const put = () => store.commit([networks.put(network, 'p1', 'br0')], projects.expect('p1'))

  const putFirst = await Promise.allSettled([put(), projects.delete('p1')])
  assert.deepEqual(
    putFirst.map(({ status }) => status),
    ['fulfilled', 'rejected'],
  )

  await store.commit([networks.delete('p1', 'br0')])
  const deleteFirst = await Promise.allSettled([projects.delete('p1'), put()])
  assert.deepEqual(
    deleteFirst.map(({ status }) => status),
    ['fulfilled', 'rejected'],
  )
  assert.equal(networks.get('p1', 'br0'), undefined)
})

test('the project "default" can neither be renamed nor deleted', async () => {
  const { projects } = await makeProjects()
  await assert.rejects(projects.delete('default'), { message: "The 'default' project cannot be deleted" })
  await assert.rejects(projects.rename('default', 'x'), { message: "The 'default' project cannot be renamed" })
})

test('what else belongs to a project is written along with it', async () => {
  const { store } = await makeProjects()
  const records = projectRecords(store)
  const projects = new Projects({
    store,
    policy: fakePolicy(store),
    events: new Events({ log: silentLog }),
    belongings: (before, after) => [{ type: 'put', key: '/last', value: [before?.name ?? null, after?.name ?? null] }],
  })
  await projects.create('p1', { description: '', config: {} })
  assert.deepEqual(store.get('/last')?.value, [null, 'p1'])
  assert.equal(store.get('/last')?.revision, records.get('p1')?.revision)
  await projects.rename('p1', 'p2')
  assert.deepEqual(store.get('/last')?.value, ['p1', 'p2'])
  await projects.delete('p2')
  assert.deepEqual(store.get('/last')?.value, ['p2', null])
})

test('who may only describe a project changes its description and user keys, and nothing else', () => {
  const before = { name: 'p1', description: 'a', config: { 'limits.cpu': '1', restricted: 'true', 'user.a': 'b' } }
  for (const config of [
    before.config,
    { ...before.config, 'user.a': 'c', 'user.x': 'y' },
    { 'limits.cpu': '1', restricted: 'true', 'restricted.devices.nic': '' },
  ]) {
    checkHarmless(before, { description: 'b', config })
  }
  for (const [config, key] of [
    [{ ...before.config, 'limits.cpu': '2' }, 'limits.cpu'],
    [{ ...before.config, 'limits.cpu': '' }, 'limits.cpu'],
    [{ ...before.config, restricted: 'false' }, 'restricted'],
    [{ 'limits.cpu': '1' }, 'restricted'],
    [{ ...before.config, 'restricted.devices.disk': 'allow' }, 'restricted.devices.disk'],
    [{ ...before.config, 'features.images': 'true' }, 'features.images'],
    [{ ...before.config, userx: '1' }, 'userx'],
  ] as const) {
    assert.throws(
      () => checkHarmless(before, { description: 'a', config }),
      (error) => error instanceof Failure && error.kind === 'forbidden' && explain(error).includes(`"${key}"`),
    )
  }
})

test('usage adds up what is limited', () => {
  const root = { type: 'disk', path: '/', pool: 'p', size: '1GiB' }
  const config = { 'limits.cpu': '2', 'limits.memory': '1MiB', 'limits.processes': '10' }
  const usage = usageOf({
    instances: [
      { type: 'container', config, devices: { root } },
      { type: 'container', config: { 'limits.cpu': '0-3,6', 'limits.memory': '50%' }, devices: {} },
    ],
    networks: 3,
    images: 5,
  })
  assert.deepEqual(usage, {
    containers: 2,
    cpu: 7,
    disk: 2 ** 30 + 5,
    instances: 2,
    memory: 2 ** 20,
    networks: 3,
    processes: 10,
    'virtual-machines': 0,
  })
})
