import assert from 'node:assert/strict'
import { createHash } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { after, before, test } from 'node:test'
import { routes } from '#api/all.ts'
import { readSurface } from '../../tools/api-surface.ts'
import { directory, file, tar } from '../tar.ts'
import { TestDaemon } from './daemon.ts'
import { clientCertificate } from './https.ts'
import { complaints, findSpecification, pairs, servedPairs, surface } from './surface.ts'

// One daemon for all: the tests build upon each other, as a session of a client does. Each answer is checked where it
// arrives, by TestDaemon.
let daemon: TestDaemon
before(async () => (daemon = await TestDaemon.start()))
after(() => daemon[Symbol.asyncDispose]())

const metadata = JSON.stringify({ architecture: 'x86_64', creation_date: 1, properties: { os: 'Test' } })
const image = tar([file('metadata.yaml', metadata), directory('rootfs'), file('rootfs/hello', 'hi')])
const fingerprint = createHash('sha256').update(image).digest('hex')
const root = { root: { type: 'disk', path: '/', pool: 'local' } }

const specification = findSpecification()

test('the facts we hold ourselves to are those of LXD', { skip: specification === undefined && 'not here' }, () => {
  assert.deepEqual(surface, readSurface(readFileSync(specification ?? '', 'utf8')))
})

test('a wrong answer is noticed', () => {
  const good = { config: {}, description: '', devices: {}, name: 'x', used_by: [] }
  assert.deepEqual(complaints('Profile', good), [])
  assert.deepEqual(complaints('Profile', { ...good, devices: null, used_by: null }), [])
  assert.deepEqual(complaints('Profile', { ...good, name: 1 }), ['metadata.name must be a string, is 1'])
  assert.deepEqual(complaints('Profile', { ...good, config: { a: 1 } }), ['metadata.config.a must be a string, is 1'])
  assert.deepEqual(complaints('Profile', { ...good, more: 1 }), ['metadata (Profile) has the unknown field "more"'])
  assert.deepEqual(complaints('Profile', { config: {}, description: '', devices: {}, name: 'x' }), [
    'metadata (Profile) lacks "used_by"',
  ])
  assert.deepEqual(complaints('s[]', 'x'), ['metadata must be a list, is "x"'])
})

test('the server', async () => {
  assert.equal((await daemon.call('GET', '/1.0/metrics')).status, 200)
  assert.deepEqual(await daemon.ok('GET', '/'), ['/1.0'])
  await daemon.ok('PATCH', '/1.0', { body: { config: { 'user.a': 'b' } } })
  await daemon.ok('PUT', '/1.0', { body: { config: { 'core.shutdown_timeout': '1' } } })
  const { config, environment } = await daemon.ok('GET', '/1.0?project=default')
  assert.deepEqual(config, { 'core.shutdown_timeout': '1' })
  assert.equal(environment.server_pid, process.pid)
  await daemon.ok('GET', '/1.0/resources')
  assert.equal((await daemon.refused('PUT', '/1.0', { body: { config: { bogus: '1' } } })).status, 400)
  assert.equal((await daemon.refused('GET', '/1.0/nothing')).status, 404)
})

test('storage pools', async () => {
  await daemon.ok('POST', '/1.0/storage-pools', { body: { name: 'local', driver: 'fake' } })
  await daemon.ok('POST', '/1.0/storage-pools', { body: { name: 'gone', driver: 'fake' } })
  await daemon.ok('PATCH', '/1.0/storage-pools/local', { body: { description: 'a' } })
  const { config } = await daemon.ok('GET', '/1.0/storage-pools/local')
  await daemon.ok('PUT', '/1.0/storage-pools/local', { body: { config, description: 'b' } })
  await daemon.ok('DELETE', '/1.0/storage-pools/gone')
  assert.deepEqual(await daemon.ok('GET', '/1.0/storage-pools'), ['/1.0/storage-pools/local'])
  await daemon.ok('GET', '/1.0/storage-pools?recursion=1')
  await daemon.ok('GET', '/1.0/storage-pools/local/resources')
})

test('networks', async () => {
  const config = { 'ipv4.address': '10.1.2.1/24', 'ipv6.address': 'none' }
  await daemon.ok('POST', '/1.0/networks', { body: { name: 'br0', type: 'bridge', config } })
  await daemon.ok('POST', '/1.0/networks', { body: { name: 'br1', config } }).catch(() => {})
  await daemon.ok('PATCH', '/1.0/networks/br0', { body: { config: { 'user.a': 'b' } } })
  await daemon.ok('PUT', '/1.0/networks/br0', { body: { config, description: 'x' } })
  await daemon.ok('GET', '/1.0/networks')
  await daemon.ok('GET', '/1.0/networks?recursion=1')
  await daemon.ok('GET', '/1.0/networks/br0')
  await daemon.ok('GET', '/1.0/networks/lo')
  await daemon.ok('GET', '/1.0/networks/br0/leases')
  await daemon.ok('GET', '/1.0/networks/br0/state')
  await daemon.ok('POST', '/1.0/networks/br0', { body: { name: 'br2' } })
  await daemon.ok('DELETE', '/1.0/networks/br2')
})

test('projects', async () => {
  await daemon.ok('POST', '/1.0/projects', { body: { name: 'p1' } })
  await daemon.ok('PATCH', '/1.0/projects/p1', { body: { config: { 'user.a': 'b' } } })
  const { config } = await daemon.ok('GET', '/1.0/projects/p1')
  assert.equal(config['features.images'], 'true')
  await daemon.ok('PUT', '/1.0/projects/p1', { body: { config, description: 'x' } })
  assert.deepEqual(await daemon.ok('GET', '/1.0/projects'), ['/1.0/projects/default', '/1.0/projects/p1'])
  await daemon.ok('GET', '/1.0/projects?recursion=1')
  await daemon.ok('GET', '/1.0/projects/p1/state')
  await daemon.ok('POST', '/1.0/projects/p1', { body: { name: 'p2' } })
  await daemon.ok('DELETE', '/1.0/projects/p2')
  assert.equal((await daemon.refused('GET', '/1.0/instances?project=p2')).status, 404)
})

test('profiles', async () => {
  await daemon.ok('POST', '/1.0/profiles', { body: { name: 'web', config: { 'user.a': 'b' } } })
  await daemon.ok('PUT', '/1.0/profiles/default', { body: { devices: root } })
  await daemon.ok('PATCH', '/1.0/profiles/web', { body: { description: 'x' } })
  const { config, description } = await daemon.ok('GET', '/1.0/profiles/web')
  assert.deepEqual([config, description], [{ 'user.a': 'b' }, 'x'])
  assert.deepEqual(await daemon.ok('GET', '/1.0/profiles'), ['/1.0/profiles/default', '/1.0/profiles/web'])
  await daemon.ok('GET', '/1.0/profiles?recursion=1')
  await daemon.ok('POST', '/1.0/profiles/web', { body: { name: 'shop' } })
  await daemon.ok('DELETE', '/1.0/profiles/shop')
})

test('images', async () => {
  await daemon.ok('POST', '/1.0/images', { body: image, headers: { 'content-type': 'application/octet-stream' } })
  await daemon.ok('POST', '/1.0/images/aliases', { body: { name: 'a', target: fingerprint } })
  await daemon.ok('GET', '/1.0/images')
  await daemon.ok('GET', '/1.0/images?recursion=1')
  const { properties } = await daemon.ok('GET', `/1.0/images/${fingerprint}`)
  await daemon.ok('PATCH', `/1.0/images/${fingerprint}`, { body: { properties: { version: '1' } } })
  await daemon.ok('PUT', `/1.0/images/${fingerprint}`, { body: { properties, public: false } })
  // It runs until the secret is used.
  await daemon.call('POST', `/1.0/images/${fingerprint}/secret`)
  await daemon.call('GET', `/1.0/images/${fingerprint}/export`)
  // Nobody is there to be sent it, and nowhere is a newer one.
  const target = { target: 'https://127.0.0.1:9', secret: 'x' }
  assert.equal((await daemon.call('POST', `/1.0/images/${fingerprint}/export`, { body: target })).status, 202)
  assert.equal((await daemon.call('POST', `/1.0/images/${fingerprint}/refresh`)).status, 202)
  await daemon.ok('GET', '/1.0/images/aliases')
  await daemon.ok('GET', '/1.0/images/aliases?recursion=1')
  await daemon.ok('GET', '/1.0/images/aliases/a')
  await daemon.ok('PATCH', '/1.0/images/aliases/a', { body: { description: 'x' } })
  await daemon.ok('PUT', '/1.0/images/aliases/a', { body: { description: 'y', target: fingerprint } })
  await daemon.ok('POST', '/1.0/images/aliases/a', { body: { name: 'b' } })
  await daemon.ok('POST', '/1.0/images/aliases', { body: { name: 'c', target: fingerprint } })
  await daemon.ok('DELETE', '/1.0/images/aliases/c')
})

test('instances', async () => {
  const source = { type: 'image', alias: 'b' }
  await daemon.ok('POST', '/1.0/instances', { body: { name: 'c1', source } })
  await daemon.ok('POST', '/1.0/instances', { body: { name: 'c2', source: { type: 'none' } } })
  await daemon.ok('PUT', '/1.0/instances/c1/state', { body: { action: 'start' } })
  assert.deepEqual(await daemon.ok('GET', '/1.0/instances'), ['/1.0/instances/c1', '/1.0/instances/c2'])
  await daemon.ok('GET', '/1.0/instances?recursion=1&all-projects=true')
  await daemon.ok('GET', '/1.0/instances?recursion=2')
  await daemon.ok('GET', '/1.0/instances/c1?recursion=1')
  await daemon.ok('GET', '/1.0/instances/c1/state')
  await daemon.ok('GET', '/1.0/instances/c2/state')
  const c2 = await daemon.ok('GET', '/1.0/instances/c2')
  await daemon.ok('PATCH', '/1.0/instances/c2', { body: { config: { 'user.a': 'b' } } })
  await daemon.ok('PUT', '/1.0/instances/c2', { body: c2 })
  await daemon.ok('POST', '/1.0/instances/c2', { body: { name: 'c3' } })
  await daemon.ok('PUT', '/1.0/instances', { body: { state: { action: 'stop', force: true } } })
  await daemon.ok('DELETE', '/1.0/instances/c3')
  assert.deepEqual(await daemon.ok('GET', '/1.0/containers'), ['/1.0/containers/c1'])
})

test('commands and logs', async () => {
  await daemon.ok('PUT', '/1.0/instances/c1/state', { body: { action: 'start' } })
  const body = { command: ['echo', 'hello'], 'record-output': true }
  const { metadata } = await daemon.ok('POST', '/1.0/instances/c1/exec', { body })
  const output = metadata.output['1']
  assert.ok((await daemon.ok('GET', '/1.0/instances/c1/logs')).includes(output))
  assert.equal((await daemon.call('GET', output)).body, 'hello\n')
  await daemon.ok('DELETE', output)

  const terminal = { width: 80, height: 24, type: 'console' }
  const { status, body: shown } = await daemon.call('POST', '/1.0/instances/c1/console', { body: terminal })
  assert.deepEqual([status, Object.keys(shown.metadata.metadata.fds)], [202, ['0', 'control']])
  assert.equal((await daemon.call('GET', '/1.0/instances/c1/console')).body, '')
  await daemon.ok('DELETE', '/1.0/instances/c1/console')
  assert.match((await daemon.refused('POST', '/1.0/instances/c1/console', { body: { type: 'x' } })).error, /type "x"/)

  const url = '/1.0/instances/c1/files?path=/a'
  await daemon.ok('POST', url, { body: Buffer.from('text'), headers: { 'x-lxd-mode': '0600' } })
  assert.equal((await daemon.call('GET', url)).body, 'text')
  assert.equal((await daemon.call('HEAD', url)).status, 200)
  await daemon.ok('DELETE', url)
  await daemon.ok('PUT', '/1.0/instances/c1/state', { body: { action: 'stop', force: true } })
})

test('volumes', async () => {
  for (const url of ['volumes', 'volumes?recursion=1', 'volumes/container', 'volumes/container?recursion=1']) {
    await daemon.ok('GET', `/1.0/storage-pools/local/${url}`)
  }
  await daemon.ok('GET', '/1.0/storage-pools/local/volumes/container/c1')
  await daemon.ok('GET', '/1.0/storage-pools/local/volumes/container/c1/state')
  await daemon.ok('GET', '/1.0/projects/default/state')
})

test('operations', async () => {
  const { body } = await daemon.call('POST', `/1.0/images/${fingerprint}/secret`)
  const url = body.operation
  assert.equal((await daemon.ok('GET', url)).status, 'Running')
  await daemon.ok('GET', `${url}/wait?timeout=0`)
  assert.ok((await daemon.ok('GET', '/1.0/operations')).running.includes(url))
  await daemon.ok('GET', '/1.0/operations?recursion=1')
  assert.equal((await daemon.refused('GET', `${url}/websocket`)).status, 400)
  await daemon.ok('DELETE', url)
  assert.equal((await daemon.ok('GET', `${url}/wait`)).status, 'Cancelled')
})

test('certificates', async () => {
  const { certificate } = clientCertificate()
  const body = { name: 'a', type: 'client', certificate }
  await daemon.ok('POST', '/1.0/certificates', { body })
  const [url] = await daemon.ok('GET', '/1.0/certificates')
  await daemon.ok('GET', '/1.0/certificates?recursion=1')
  await daemon.ok('GET', url)
  await daemon.ok('PUT', url, { body: { ...body, certificate: '', restricted: true, projects: ['default'] } })
  await daemon.ok('PATCH', url, { body: { name: 'b' } })
  const { body: token } = await daemon.call('POST', '/1.0/certificates', { body: { type: 'client', token: true } })
  assert.equal(token.metadata.class, 'token')
  await daemon.ok('DELETE', token.operation)
  await daemon.ok('DELETE', url)
})

test('warnings', async () => {
  daemon.daemon.services.warnings.raise({ type: 'Trust password is in use', message: 'a password is set' })
  await daemon.daemon.services.warnings.flush()
  const [url] = await daemon.ok('GET', '/1.0/warnings')
  await daemon.ok('GET', '/1.0/warnings?recursion=1')
  await daemon.ok('GET', url)
  await daemon.ok('PUT', url, { body: { status: 'acknowledged' } })
  await daemon.ok('PATCH', url, { body: { status: 'new' } })
  await daemon.ok('DELETE', url)
})

test('what a test leaves goes, and every method we serve has answered', async () => {
  await daemon.ok('DELETE', '/1.0/instances/c1')
  await daemon.ok('DELETE', `/1.0/images/${fingerprint}`)

  const served = servedPairs(routes)
  console.log(`${served.size} of the ${pairs.size} methods of LXD's API are served`)
  // These answer by taking the connection over only.
  const upgrades = ['GET /1.0/events', 'GET /1.0/operations/{}/websocket', 'GET /1.0/instances/{}/sftp']
  assert.deepEqual(
    [...served].filter((pair) => !daemon.answered.has(pair) && !upgrades.includes(pair)),
    [],
  )
})
