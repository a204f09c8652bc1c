import assert from 'node:assert/strict'
import { test } from 'node:test'
import { TestDaemon } from './daemon.ts'

const root = { type: 'disk', path: '/', pool: 'default' }
const empty = { source: { type: 'none' }, devices: { root } }

async function start(): Promise<TestDaemon> {
  const daemon = await TestDaemon.start()
  await daemon.ok('POST', '/1.0/storage-pools', { body: { name: 'default', driver: daemon.host.drivers[0]?.name } })
  return daemon
}

const state = (daemon: TestDaemon, action: string, more: object = {}) =>
  daemon.ok('PUT', '/1.0/instances/c1/state', { body: { action, timeout: -1, ...more } })
const statusOf = async (daemon: TestDaemon) => (await daemon.ok('GET', '/1.0/instances/c1')).status

test('an instance is made, started, frozen, stopped, renamed and deleted', async () => {
  await using daemon = await start()
  const made = await daemon.ok('POST', '/1.0/instances', { body: { name: 'c1', ...empty } })
  assert.deepEqual(made.resources, { instances: ['/1.0/instances/c1'], containers: ['/1.0/containers/c1'] })
  assert.deepEqual(await daemon.ok('GET', '/1.0/instances'), ['/1.0/instances/c1'])
  assert.deepEqual(await daemon.ok('GET', '/1.0/containers'), ['/1.0/containers/c1'])

  await state(daemon, 'start')
  assert.equal(await statusOf(daemon), 'Running')
  await state(daemon, 'freeze')
  assert.equal(await statusOf(daemon), 'Frozen')
  await state(daemon, 'unfreeze')
  await state(daemon, 'restart', { force: true })
  assert.equal(await statusOf(daemon), 'Running')
  assert.deepEqual(await daemon.refused('DELETE', '/1.0/instances/c1'), { status: 400, error: 'Instance is running' })
  await state(daemon, 'stop')
  assert.equal(await statusOf(daemon), 'Stopped')

  await daemon.ok('POST', '/1.0/instances/c1', { body: { name: 'c2' } })
  assert.deepEqual(await daemon.ok('GET', '/1.0/instances'), ['/1.0/instances/c2'])
  await daemon.ok('DELETE', '/1.0/instances/c2')
  assert.deepEqual(await daemon.ok('GET', '/1.0/instances'), [])
})

test('bad input is refused by name, and nothing is made of it', async () => {
  await using daemon = await start()
  for (const [body, status, error] of [
    [{ name: 'a_b', ...empty }, 400, /Invalid instance name "a_b"/],
    [{ name: 'c1', source: { type: 'none' } }, 400, /no root device/],
    [{ name: 'c1', ...empty, source: { type: 'warp' } }, 400, /"source.type" "warp": expected image or none/],
    [{ name: 'c1', ...empty, source: { type: 'image', alias: 'nope' } }, 404, /Image alias not found/],
    [{ name: 'c1', ...empty, type: 'virtual-machine' }, 400, /"type" "virtual-machine"/],
    [{ name: 'c1', ...empty, profiles: ['nope'] }, 404, /"nope"/],
    [{ name: 'c1', ...empty, config: { 'security.privileged': 'ture' } }, 400, /"security.privileged".*true or false/],
    [
      { name: 'c1', ...empty, config: { 'security.privilege': '1' } },
      400,
      /nearest known key is "security.privileged"/,
    ],
    [{ name: 'c1', ...empty, config: { 'user.a': 1 } }, 400, /config/],
    [{ name: 'c1', source: { type: 'none' }, devices: { root: { ...root, pool: 'nope' } } }, 404, /pool/i],
    [{ name: 'c1', ...empty, instance_type: 't1.micro' }, 400, /instance_type/],
  ] as const) {
    const refused = await daemon.refused('POST', '/1.0/instances', { body })
    assert.equal(refused.status, status, JSON.stringify(body))
    assert.match(refused.error, error)
  }
  assert.deepEqual(await daemon.ok('GET', '/1.0/instances'), [])

  await daemon.ok('POST', '/1.0/instances', { body: { name: 'c1', ...empty } })
  assert.equal((await daemon.refused('POST', '/1.0/instances', { body: { name: 'c1', ...empty } })).status, 409)
  assert.equal((await daemon.refused('PUT', '/1.0/instances/c1/state', { body: { action: 'explode' } })).status, 400)
  for (const [method, body, status] of [
    ['PUT', { ...empty, config: { 'limits.memory': 'much' } }, 400],
    ['PUT', { ...empty, profiles: ['nope'] }, 404],
    ['PUT', { devices: {} }, 400],
    ['PATCH', { devices: { x: { type: 'warp' } } }, 400],
    ['POST', { name: 'a_b' }, 400],
    ['POST', { name: 'c1' }, 400],
  ] as const) {
    assert.equal((await daemon.refused(method, '/1.0/instances/c1', { body })).status, status, JSON.stringify(body))
  }
  assert.equal((await daemon.refused('GET', '/1.0/instances/none')).status, 404)
  assert.equal((await daemon.refused('GET', '/1.0/instances?project=none')).status, 404)
})

test('a change with an outdated ETag is refused', async () => {
  await using daemon = await start()
  await daemon.ok('POST', '/1.0/instances', { body: { name: 'c1', ...empty } })
  const { headers } = await daemon.call('GET', '/1.0/instances/c1')
  const change = (owner: string) =>
    daemon.call('PATCH', '/1.0/instances/c1', {
      body: { config: { 'user.owner': owner } },
      headers: { 'if-match': String(headers['etag']) },
    })
  assert.equal((await change('me')).status, 200)
  assert.equal((await change('you')).status, 412)
  assert.equal((await daemon.ok('GET', '/1.0/instances/c1')).config['user.owner'], 'me')
})

test('the notes of the daemon are not for users to write, and survive a PUT that leaves them out', async () => {
  await using daemon = await start()
  const forged = { 'volatile.idmap.current': '[]', 'volatile.eth0.host_name': 'lo', 'volatile.uuid': 'mine' }
  await daemon.ok('POST', '/1.0/instances', { body: { name: 'c1', ...empty, config: forged } })
  const made = await daemon.ok('GET', '/1.0/instances/c1')
  assert.notEqual(made.config['volatile.uuid'], 'mine')
  assert.equal(made.config['volatile.eth0.host_name'], undefined)

  const body = { ...made, config: { 'user.a': 'b' } }
  await daemon.ok('PUT', '/1.0/instances/c1', { body })
  const now = await daemon.ok('GET', '/1.0/instances/c1')
  assert.equal(now.config['volatile.uuid'], made.config['volatile.uuid'])
  assert.equal(now.config['user.a'], 'b')
  for (const [key, value] of Object.entries(forged)) {
    const refused = await daemon.refused('PATCH', '/1.0/instances/c1', { body: { config: { [key]: value } } })
    assert.match(refused.error, /kept by the daemon/, key)
  }
})

test('a start that fails leaves nothing behind and can be tried again', async () => {
  await using daemon = await start()
  await daemon.ok('POST', '/1.0/instances', { body: { name: 'c1', ...empty } })
  daemon.host.runtime.failure = new Error('no such luck')
  const refused = await daemon.refused('PUT', '/1.0/instances/c1/state', { body: { action: 'start' } })
  assert.match(refused.error, /no such luck/)
  assert.equal(await statusOf(daemon), 'Stopped')
  assert.notEqual((await daemon.ok('GET', '/1.0/instances/c1')).config['volatile.last_state.power'], 'RUNNING')
  await state(daemon, 'start')
  assert.equal(await statusOf(daemon), 'Running')
})

test('an ephemeral instance is gone when it has stopped', async () => {
  await using daemon = await start()
  await daemon.ok('POST', '/1.0/instances', { body: { name: 'c1', ...empty, ephemeral: true } })
  await state(daemon, 'start')
  await state(daemon, 'stop', { force: true })
  assert.deepEqual(await daemon.ok('GET', '/1.0/instances'), [])
})

test('deletion can be forbidden', async () => {
  await using daemon = await start()
  const config = { 'security.protection.delete': 'true' }
  await daemon.ok('POST', '/1.0/instances', { body: { name: 'c1', ...empty, config } })
  assert.match((await daemon.refused('DELETE', '/1.0/instances/c1')).error, /protected/)
  await daemon.ok('PATCH', '/1.0/instances/c1', { body: { config: { 'security.protection.delete': 'false' } } })
  await daemon.ok('DELETE', '/1.0/instances/c1')
})

test('many creations of one name at once make one instance', async () => {
  await using daemon = await start()
  const create = () => daemon.call('POST', '/1.0/instances', { body: { name: 'c1', ...empty } })
  const answers = await Promise.all(Array.from({ length: 8 }, create))
  assert.deepEqual(
    answers.map(({ status }) => status).toSorted((a, b) => a - b),
    [202, ...Array.from({ length: 7 }, () => 409)],
  )
})

test('a list can be filtered, and its forms hold the same instances', async () => {
  await using daemon = await start()
  for (const name of ['a1', 'a2', 'b1']) {
    await daemon.ok('POST', '/1.0/instances', { body: { name, ...empty, config: { 'user.team': name[0] } } })
  }
  const filter = encodeURIComponent('config.user.team eq a')
  assert.deepEqual(await daemon.ok('GET', `/1.0/instances?filter=${filter}`), [
    '/1.0/instances/a1',
    '/1.0/instances/a2',
  ])
  for (const recursion of [1, 2]) {
    const objects = await daemon.ok('GET', `/1.0/instances?recursion=${recursion}&filter=${filter}`)
    assert.deepEqual(
      objects.map(({ name }: { name: string }) => name),
      ['a1', 'a2'],
    )
  }
})

test('all instances are started and stopped at once', async () => {
  await using daemon = await start()
  for (const name of ['c1', 'c2', 'c3']) await daemon.ok('POST', '/1.0/instances', { body: { name, ...empty } })
  const put = (action: string) => daemon.ok('PUT', '/1.0/instances', { body: { state: { action, force: true } } })
  const statuses = async () =>
    (await daemon.ok('GET', '/1.0/instances?recursion=1')).map(({ status }: { status: string }) => status)
  await put('start')
  assert.deepEqual(await statuses(), ['Running', 'Running', 'Running'])
  await put('stop')
  assert.deepEqual(await statuses(), ['Stopped', 'Stopped', 'Stopped'])
})
