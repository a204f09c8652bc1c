import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import { TestDaemon } from './daemon.ts'

let daemon: TestDaemon
before(async () => (daemon = await TestDaemon.start()))
after(() => daemon[Symbol.asyncDispose]())

test('warnings are listed, shown, acknowledged and deleted', async () => {
  const { warnings } = daemon.daemon.services
  warnings.raise({ type: 'Trust password is in use', message: 'a password is set' })
  warnings.raise({
    type: 'Failed to autostart instance',
    project: 'default',
    entity: '/1.0/instances/c1',
    message: 'no such pool',
  })
  await warnings.flush()
  const url = (await daemon.ok('GET', '/1.0/warnings?project=default'))[0]
  assert.equal((await daemon.ok('GET', '/1.0/warnings')).length, 2)
  const { first_seen_at, last_seen_at, uuid, ...shown } = await daemon.ok('GET', url)
  assert.equal(first_seen_at, last_seen_at)
  assert.equal(url, `/1.0/warnings/${uuid}`)
  assert.deepEqual(shown, {
    status: 'new',
    location: 'none',
    project: 'default',
    type: 'Failed to autostart instance',
    count: 1,
    last_message: 'no such pool',
    severity: 'low',
    entity_url: '/1.0/instances/c1',
  })
  await daemon.ok('PUT', url, { body: { status: 'acknowledged' } })
  assert.equal((await daemon.ok('GET', url)).status, 'acknowledged')
  await daemon.ok('PATCH', url, { body: { status: 'new' } })
  const listed = await daemon.ok('GET', '/1.0/warnings?recursion=1&project=default')
  assert.deepEqual([listed[0].uuid, listed[0].status], [uuid, 'new'])
  assert.equal((await daemon.refused('PUT', url, { body: { status: 'resolved' } })).status, 403)
  assert.equal((await daemon.refused('PUT', url, { body: {} })).status, 400)
  await daemon.ok('DELETE', url)
  assert.deepEqual(await daemon.refused('GET', url), { status: 404, error: 'Warning not found' })
  assert.deepEqual(await daemon.refused('DELETE', url), { status: 404, error: 'Warning not found' })
  assert.deepEqual(await daemon.refused('PATCH', url, { body: { status: 'new' } }), {
    status: 404,
    error: 'Warning not found',
  })
})

test('a warning of an earlier run that is not raised again is resolved', async () => {
  const { warnings } = daemon.daemon.services
  warnings.raise({ type: 'Audit log cannot be written', message: 'no space' })
  await warnings.flush()
  await daemon.close()
  await daemon.open()
  const found = await daemon.ok('GET', '/1.0/warnings?recursion=1')
  const statuses = found.map((one: { type: string; status: string }) => [one.type, one.status])
  assert.ok(statuses.some(([type, status]: [string, string]) => type.startsWith('Audit') && status === 'resolved'))
})

test('an instance that does not start with the daemon is warned of', async () => {
  await daemon.ok('POST', '/1.0/storage-pools', { body: { name: 'default', driver: daemon.host.drivers[0]?.name } })
  const devices = { root: { type: 'disk', path: '/', pool: 'default' } }
  const config = { 'boot.autostart': 'true' }
  await daemon.ok('POST', '/1.0/instances', { body: { name: 'c1', source: { type: 'none' }, devices, config } })
  daemon.host.runtime.start = () => Promise.reject(new Error('no memory'))
  await daemon.close()
  await daemon.open()
  for (;;) {
    await daemon.daemon.services.warnings.flush()
    const found = await daemon.ok('GET', '/1.0/warnings?recursion=1')
    const warning = found.find(({ type }: { type: string }) => type === 'Failed to autostart instance')
    if (warning?.status !== 'new') continue
    assert.equal(warning.entity_url, '/1.0/instances/c1')
    assert.match(warning.last_message, /no memory/)
    break
  }
})

test('what of the host cannot be hardened is warned of, and nothing is tried where the key says so', async () => {
  let tried = 0
  daemon.host.harden = () => {
    tried++
    return Promise.resolve([{ path: '/proc/sched_debug', error: 'EROFS: read-only file system' }])
  }
  const statuses = async () => {
    await daemon.close()
    await daemon.open()
    const found = (await daemon.ok('GET', '/1.0/warnings?recursion=1')) as readonly Readonly<Record<string, string>>[]
    return found
      .filter((one) => one['type'] === 'Host is not hardened')
      .map((one) => [one['status'], one['last_message']?.includes('/proc/sched_debug (EROFS')])
  }
  assert.deepEqual(await statuses(), [['new', true]])
  await daemon.ok('PATCH', '/1.0', { body: { config: { 'core.host_hardening': 'false' } } })
  assert.deepEqual(await statuses(), [['resolved', true]])
  assert.equal(tried, 1)
})
