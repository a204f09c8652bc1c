import assert from 'node:assert/strict'
import { createHash } from 'node:crypto'
import { once } from 'node:events'
import { join } from 'node:path'
import { after, before, test } from 'node:test'
import { WebSocket } from 'ws'
import { TestDaemon } from './daemon.ts'

let daemon: TestDaemon
before(async () => (daemon = await TestDaemon.start()))
after(() => daemon[Symbol.asyncDispose]())

test('a change with the wrong ETag is refused, with the right one it goes through', async () => {
  for (const [url, body] of [
    ['/1.0', { config: { 'user.a': 'b' } }],
    ['/1.0/projects/default', { description: 'x', config: { 'features.images': 'true' } }],
    ['/1.0/profiles/default', { description: 'x' }],
  ] as const) {
    const { headers } = await daemon.call('GET', url)
    const etag = String(headers.etag)
    assert.match(etag, /^"[0-9a-f]{64}"$/)
    const wrong = await daemon.refused('PUT', url, { body, headers: { 'if-match': '"abc"' } })
    assert.deepEqual(wrong, { status: 412, error: `ETag doesn't match: ${etag.replaceAll('"', '')} vs abc` })
    if (url === '/1.0/projects/default') continue
    await daemon.ok('PUT', url, { body, headers: { 'if-match': etag } })
    await daemon.refused('PATCH', url, { body, headers: { 'if-match': etag } })
  }
})

test('bad bodies are refused with the field and what was expected, and change nothing', async () => {
  const cases: readonly (readonly [string, string, unknown, RegExp])[] = [
    ['POST', '/1.0/projects', Buffer.from('nojson'), /expected JSON/],
    ['POST', '/1.0/projects', [], /the body must be an object, found a list/],
    ['POST', '/1.0/projects', { name: 1 }, /"name" must be a string, found 1/],
    [
      'POST',
      '/1.0/projects',
      { name: 'x', config: { 'features.images': true } },
      /"config.features.images" must be a string/,
    ],
    ['POST', '/1.0/profiles', { name: 'x', devices: { eth0: 'nic' } }, /"devices.eth0" must be an object/],
    ['POST', '/1.0/profiles', { name: 'x', devices: { eth0: { nictype: 'p2p' } } }, /Missing device type/],
    ['POST', '/1.0/profiles', { name: 'x', devices: { eth0: { type: 'bla' } } }, /Unsupported device type "bla"/],
    ['POST', '/1.0/profiles', { name: 'x', config: { 'security.privileged': 'ture' } }, /expected true or false/],
    ['PUT', '/1.0', { config: { 'user.a': 1 } }, /"config.user.a" must be a string/],
    ['PATCH', '/1.0', { config: { 'core.https_adress': 'x' } }, /Unknown configuration key "core.https_adress"/],
    ['POST', '/1.0/projects', Buffer.from('{"name": "x", "config": {"__proto__": "x"}}'), /__proto__/],
  ]
  for (const [method, url, body, message] of cases) {
    const { status, error } = await daemon.refused(method, url, { body })
    assert.equal(status, 400, error)
    assert.match(error, message)
  }
  assert.deepEqual(await daemon.ok('GET', '/1.0/projects'), ['/1.0/projects/default'])
  assert.deepEqual(await daemon.ok('GET', '/1.0/profiles'), ['/1.0/profiles/default'])
})

test('a PATCH leaves alone what it does not name, and unsets what it empties', async () => {
  await daemon.ok('POST', '/1.0/projects', { body: { name: 'patched', config: { 'user.a': '1', 'user.b': '2' } } })
  await daemon.ok('PATCH', '/1.0/projects/patched', { body: { config: { 'user.a': '', 'user.c': '3' } } })
  const project = await daemon.ok('GET', '/1.0/projects/patched')
  assert.equal(project.config['user.a'], undefined)
  assert.deepEqual([project.config['user.b'], project.config['user.c']], ['2', '3'])
  assert.equal(project.config['features.images'], 'true')

  const devices = { a: { type: 'none' }, b: { type: 'none' } }
  await daemon.ok('POST', '/1.0/profiles', {
    body: { name: 'patched', description: 'd', config: { 'user.a': '1' }, devices },
  })
  await daemon.ok('PATCH', '/1.0/profiles/patched', {
    body: { config: { 'user.b': '2' }, devices: { c: { type: 'none' } } },
  })
  const profile = await daemon.ok('GET', '/1.0/profiles/patched')
  assert.deepEqual(profile.config, { 'user.a': '1', 'user.b': '2' })
  assert.deepEqual(Object.keys(profile.devices), ['a', 'b', 'c'])
  assert.equal(profile.description, 'd')
})

test('what is not there is not found, in the words of LXD', async () => {
  for (const [method, url, error] of [
    ['GET', '/1.0/projects/nope', 'Project not found'],
    ['DELETE', '/1.0/projects/nope', 'Fetch project "nope": Project not found'],
    ['GET', '/1.0/profiles/nope', 'Fetch profile: Profile not found'],
    ['DELETE', '/1.0/profiles/nope', 'Profile not found'],
    ['GET', '/1.0/profiles?project=nope', 'Failed loading project "nope": Project not found'],
    ['GET', '/1.0/profiles/default?project=nope', 'Failed loading project "nope": Project not found'],
    ['GET', '/1.0/nope', 'not found'],
    ['GET', '/2.0', 'not found'],
  ] as const) {
    assert.deepEqual(await daemon.refused(method, url), { status: 404, error }, `${method} ${url}`)
  }
})

test('lists name things of other projects with their project', async () => {
  await daemon.ok('POST', '/1.0/projects', { body: { name: 'own' } })
  await daemon.ok('POST', '/1.0/projects', { body: { name: 'shared', config: { 'features.profiles': 'false' } } })
  assert.deepEqual(await daemon.ok('GET', '/1.0/profiles?project=own'), ['/1.0/profiles/default?project=own'])
  assert.ok((await daemon.ok('GET', '/1.0/profiles?project=shared')).includes('/1.0/profiles/default'))
})

test('changes are told to those who listen, with who made them', async () => {
  const path = `ws+unix://${join(daemon.directory, 'unix.socket')}:/1.0/events?type=lifecycle&project=told`
  await daemon.ok('POST', '/1.0/projects', { body: { name: 'told' } })
  const socket = new WebSocket(path)
  const heard: { metadata: { action: string; source: string; requestor: { protocol: string } }; project: string }[] = []
  socket.on('message', (data: Buffer) => heard.push(JSON.parse(data.toString())))
  await once(socket, 'open')

  await daemon.ok('POST', '/1.0/profiles?project=told', { body: { name: 'x' } })
  await daemon.ok('PUT', '/1.0/profiles/x?project=told', { body: { description: 'y' } })
  await daemon.ok('POST', '/1.0/profiles/x?project=told', { body: { name: 'z' } })
  await daemon.ok('DELETE', '/1.0/profiles/z?project=told')
  await daemon.ok('POST', '/1.0/profiles', { body: { name: 'elsewhere' } })
  while (heard.length < 4) await once(socket, 'message')
  socket.terminate()

  assert.deepEqual(
    heard.map(({ metadata, project }) => [metadata.action, metadata.source, project]),
    [
      ['profile-created', '/1.0/profiles/x', 'told'],
      ['profile-updated', '/1.0/profiles/x', 'told'],
      ['profile-renamed', '/1.0/profiles/z', 'told'],
      ['profile-deleted', '/1.0/profiles/z', 'told'],
    ],
  )
  assert.equal(heard[0]?.metadata.requestor.protocol, 'unix')
})

test('what is configured is there after a restart', async () => {
  await daemon.ok('PUT', '/1.0', { body: { config: { 'user.kept': 'yes' } } })
  await daemon.ok('POST', '/1.0/projects', { body: { name: 'kept', description: 'still here' } })
  await daemon.ok('POST', '/1.0/profiles?project=kept', { body: { name: 'web', config: { 'user.a': 'b' } } })
  const before = await daemon.ok('GET', '/1.0')

  await daemon.close()
  await daemon.open()

  const now = await daemon.ok('GET', '/1.0')
  assert.deepEqual(now.config, { 'user.kept': 'yes' })
  assert.equal(now.environment.certificate, before.environment.certificate)
  assert.equal((await daemon.ok('GET', '/1.0/projects/kept')).description, 'still here')
  assert.deepEqual((await daemon.ok('GET', '/1.0/profiles/web?project=kept')).config, { 'user.a': 'b' })
})

test('the server tells its certificate by its fingerprint, and the extensions that its routes amount to', async () => {
  const { api_extensions: extensions, environment, auth } = await daemon.ok('GET', '/1.0')
  const [, base64 = ''] = /-----BEGIN CERTIFICATE-----\n([\s\S]+)-----END/.exec(environment.certificate) ?? []
  const fingerprint = createHash('sha256').update(Buffer.from(base64, 'base64')).digest('hex')
  assert.equal(environment.certificate_fingerprint, fingerprint)
  assert.equal(auth, 'trusted')
  for (const name of ['etag', 'patch', 'projects', 'instances', 'network', 'storage', 'resources', 'metrics']) {
    assert.ok(extensions.includes(name), name)
  }
  for (const name of ['clustering', 'network_acl', 'usb_devices']) assert.ok(!extensions.includes(name), name)
})
