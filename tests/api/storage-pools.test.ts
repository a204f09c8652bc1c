import assert from 'node:assert/strict'
import { createHash } from 'node:crypto'
import { after, before, test } from 'node:test'
import { directory, file, tar } from '../tar.ts'
import { TestDaemon } from './daemon.ts'

let daemon: TestDaemon
before(async () => {
  daemon = await TestDaemon.start()
  await daemon.ok('POST', '/1.0/storage-pools', { body: { name: 'local', driver: 'fake', description: 'first' } })
})
after(() => daemon[Symbol.asyncDispose]())

const pool = '/1.0/storage-pools/local'
const metadata = JSON.stringify({ architecture: 'x86_64', creation_date: 1 })
const image = tar([file('metadata.yaml', metadata), directory('rootfs'), file('rootfs/hello', 'hi')])
const fingerprint = createHash('sha256').update(image).digest('hex')

async function launch(project: string, name: string): Promise<void> {
  const body = {
    name,
    source: { type: 'none' },
    profiles: [],
    devices: { root: { type: 'disk', path: '/', pool: 'local' } },
  }
  await daemon.ok('POST', `/1.0/instances?project=${project}`, { body })
}

test('a new pool is found where the reply says, and told of as LXD tells', async () => {
  const { status, headers } = await daemon.call('POST', '/1.0/storage-pools', { body: { name: 'a+b', driver: 'fake' } })
  assert.equal(status, 201)
  assert.equal(headers.location, '/1.0/storage-pools/a%2Bb')
  assert.deepEqual(await daemon.ok('GET', String(headers.location)), {
    config: { source: `${daemon.directory}/storage-pools/a+b` },
    description: '',
    name: 'a+b',
    driver: 'fake',
    used_by: [],
    status: 'Created',
    locations: ['none'],
  })
  await daemon.ok('DELETE', '/1.0/storage-pools/a%2Bb')
})

test('what can not be is refused with its reason', async () => {
  for (const [method, url, body, status, error] of [
    ['POST', '/1.0/storage-pools', { name: 'local', driver: 'fake' }, 409, /already exists/],
    ['POST', '/1.0/storage-pools', { name: '', driver: 'fake' }, 400, /No name provided/],
    ['POST', '/1.0/storage-pools', { name: 'x' }, 400, /No driver provided/],
    ['POST', '/1.0/storage-pools', { name: 'x', driver: 'zfs' }, 400, /Unknown storage driver "zfs"/],
    ['POST', '/1.0/storage-pools', { name: 'x', driver: 'fake', config: { a: 'b' } }, 400, /Unknown .*key "a"/],
    ['PUT', pool, { config: { source: '/elsewhere' } }, 400, /"source" can not be changed/],
    ['PATCH', pool, { config: { size: '1GiB' } }, 400, /can not limit sizes/],
    ['GET', '/1.0/storage-pools/none', undefined, 404, /Storage pool not found/],
    ['GET', '/1.0/storage-pools/none/resources', undefined, 404, /Storage pool not found/],
    ['GET', '/1.0/storage-pools/none/volumes', undefined, 404, /Storage pool not found/],
    ['DELETE', '/1.0/storage-pools/none', undefined, 404, /Storage pool not found/],
    ['GET', `${pool}/volumes/bogus`, undefined, 400, /Invalid storage volume type name "bogus"/],
    ['GET', `${pool}/volumes/container/none`, undefined, 404, /volume not found/],
    ['GET', `${pool}/volumes/custom/none/state`, undefined, 404, /volume not found/],
  ] as const) {
    const answer = await daemon.call(method, url, body ? { body } : {})
    assert.equal(answer.status, status, `${method} ${url}: ${JSON.stringify(answer.body)}`)
    assert.match(answer.body.error, error)
  }
  assert.deepEqual(await daemon.ok('GET', '/1.0/storage-pools'), [pool])
})

test('a change on the ground of an old state is refused', async () => {
  const { headers, body } = await daemon.call('GET', pool)
  const etag = { 'if-match': String(headers.etag) }
  const { config } = body.metadata
  await daemon.ok('PUT', pool, { body: { config, description: 'second' }, headers: etag })
  for (const method of ['PUT', 'PATCH']) {
    const { status } = await daemon.call(method, pool, { body: { config, description: 'third' }, headers: etag })
    assert.equal(status, 412)
  }
  await daemon.ok('PATCH', pool, { body: { config: { 'user.a': 'b' } } })
  const after = await daemon.ok('GET', pool)
  assert.deepEqual([after.description, after.config['user.a']], ['second', 'b'])
})

test('volumes are listed by type, project and filter, in all their forms', async () => {
  await daemon.ok('POST', '/1.0/projects', { body: { name: 'web', config: {} } })
  await launch('default', 'c1')
  await launch('default', 'c2')
  await launch('web', 'c1')
  await daemon.ok('POST', '/1.0/images', { body: image, headers: { 'content-type': 'application/octet-stream' } })
  const root = { type: 'disk', path: '/', pool: 'local' }
  const body = { name: 'c3', source: { type: 'image', fingerprint }, profiles: [], devices: { root } }
  await daemon.ok('POST', '/1.0/instances', { body })

  const urls = [
    `${pool}/volumes/container/c1`,
    `${pool}/volumes/container/c2`,
    `${pool}/volumes/container/c3`,
    `${pool}/volumes/image/${fingerprint}`,
  ]
  assert.deepEqual(await daemon.ok('GET', `${pool}/volumes`), urls)
  assert.deepEqual(await daemon.ok('GET', `${pool}/volumes/image`), urls.slice(3))
  assert.deepEqual(await daemon.ok('GET', `${pool}/volumes/custom`), [])
  const ofWeb = `${pool}/volumes/container/c1?project=web`
  assert.deepEqual(await daemon.ok('GET', `${pool}/volumes?project=web`), [ofWeb])
  assert.ok((await daemon.ok('GET', `${pool}/volumes?all-projects=true`)).includes(ofWeb))
  const filter = encodeURIComponent('name eq c2')
  assert.deepEqual(await daemon.ok('GET', `${pool}/volumes/container?filter=${filter}`), [urls[1]])

  const [volume] = await daemon.ok('GET', `${pool}/volumes/container?project=web&recursion=1`)
  assert.deepEqual(
    { ...volume, created_at: '' },
    {
      config: {},
      description: '',
      name: 'c1',
      type: 'container',
      used_by: ['/1.0/instances/c1?project=web'],
      location: 'none',
      content_type: 'filesystem',
      project: 'web',
      created_at: '',
    },
  )
  assert.deepEqual(await daemon.ok('GET', ofWeb), volume)
  assert.deepEqual(await daemon.ok('GET', `${pool}/volumes/container/c1/state`), { usage: { used: 7, total: 0 } })
})

test('a pool in use tells by whom and stays', async () => {
  const users = [`/1.0/images/${fingerprint}`, '/1.0/instances/c1', '/1.0/instances/c1?project=web']
  const { used_by } = await daemon.ok('GET', pool)
  assert.deepEqual(used_by, [...users, '/1.0/instances/c2', '/1.0/instances/c3'])
  const { status, body } = await daemon.call('DELETE', pool)
  assert.deepEqual([status, body.error], [400, 'The storage pool is currently in use'])

  for (const url of ['/1.0/instances/c1', '/1.0/instances/c1?project=web', '/1.0/instances/c2', '/1.0/instances/c3']) {
    await daemon.ok('DELETE', url)
  }
  assert.deepEqual((await daemon.ok('GET', pool)).used_by, [`/1.0/images/${fingerprint}`])
  await daemon.ok('DELETE', pool)
  assert.deepEqual(await daemon.ok('GET', '/1.0/storage-pools'), [])
})
