import assert from 'node:assert/strict'
import { X509Certificate } from 'node:crypto'
import { after, before, test } from 'node:test'
import { TestDaemon } from './daemon.ts'
import { callHttps, clientCertificate, freePort } from './https.ts'

let daemon: TestDaemon
before(async () => {
  daemon = await TestDaemon.start()
  await daemon.ok('POST', '/1.0/projects', { body: { name: 'p1' } })
})
after(() => daemon[Symbol.asyncDispose]())

const groups = '/1.0/auth/groups'
const unix = '/1.0/auth/identities/unix'
const mapped = '/1.0/auth/identity-provider-groups'
const onServer = { entity_type: 'server', url: '/1.0', entitlement: 'viewer' }
const inProject = { entity_type: 'project', url: '/1.0/projects/p1', entitlement: 'operator' }

test('a group has a life: created, shown, changed, renamed and deleted', async () => {
  const { status, headers } = await daemon.call('POST', groups, {
    body: { name: 'g1', description: 'd', permissions: [inProject, inProject] },
  })
  assert.deepEqual([status, headers.location], [201, `${groups}/g1`])
  assert.deepEqual(await daemon.ok('GET', groups), [`${groups}/g1`])
  const shown = {
    name: 'g1',
    description: 'd',
    permissions: [inProject],
    identities: {},
    identity_provider_groups: [],
  }
  assert.deepEqual(await daemon.ok('GET', `${groups}/g1`), shown)
  assert.deepEqual(await daemon.ok('GET', `${groups}?recursion=1`), [shown])

  await daemon.ok('PATCH', `${groups}/g1`, { body: { permissions: [onServer] } })
  assert.deepEqual((await daemon.ok('GET', `${groups}/g1`)).permissions, [inProject, onServer])
  await daemon.ok('PUT', `${groups}/g1`, { body: { description: 'e', permissions: [onServer] } })
  const renamed = await daemon.call('POST', `${groups}/g1`, { body: { name: 'g2' } })
  assert.deepEqual([renamed.status, renamed.headers.location], [201, `${groups}/g2`])
  assert.deepEqual(await daemon.ok('GET', `${groups}/g2`), {
    ...shown,
    name: 'g2',
    description: 'e',
    permissions: [onServer],
  })
  await daemon.ok('DELETE', `${groups}/g2`)
  assert.deepEqual(await daemon.ok('GET', groups), [])
  assert.equal((await daemon.refused('GET', `${groups}/g2`)).status, 404)
})

test('a change of what has changed meanwhile is refused', async () => {
  await daemon.ok('POST', groups, { body: { name: 'g' } })
  const { headers } = await daemon.call('GET', `${groups}/g`)
  const stale = { headers: { 'if-match': headers.etag! } }
  await daemon.ok('PUT', `${groups}/g`, { ...stale, body: { description: 'x' } })
  assert.equal((await daemon.refused('PUT', `${groups}/g`, { ...stale, body: {} })).status, 412)
  assert.equal((await daemon.refused('PATCH', `${groups}/g`, { ...stale, body: {} })).status, 412)
  await daemon.ok('DELETE', `${groups}/g`)
})

test('of a group, what can not be is refused and named', async () => {
  await daemon.ok('POST', groups, { body: { name: 'taken' } })
  const wrong: readonly (readonly [object, number, RegExp])[] = [
    [{ name: '' }, 400, /group name: it is empty/],
    [{ name: 'a/b' }, 400, /forward slash/],
    [{ name: 'a:b' }, 400, /colon/],
    [{ name: 'a\nb' }, 400, /control characters/],
    [{ name: '..' }, 400, /group name/],
    [{ name: 'x'.repeat(256) }, 400, /1 to 255/],
    [{ name: 'taken' }, 409, /"taken" already exists/],
    [{ name: 'g', permissions: [{ ...onServer, entitlement: 'metrics' }] }, 400, /"entitlement" "metrics"/],
    [{ name: 'g', permissions: [{ ...onServer, entity_type: 'instance' }] }, 400, /"entity_type" "instance"/],
    [{ name: 'g', permissions: [{ ...onServer, url: '/1.0/projects/p1' }] }, 400, /"url" "\/1.0\/projects\/p1"/],
    [{ name: 'g', permissions: [{ ...inProject, url: '/1.0' }] }, 400, /expected \/1.0\/projects\/NAME/],
    [{ name: 'g', permissions: [{ ...inProject, url: '/1.0/projects/p1/state' }] }, 400, /"url"/],
    [{ name: 'g', permissions: [{ ...inProject, url: '/1.0/projects/%zz' }] }, 400, /"url"/],
    [{ name: 'g', permissions: [{ ...inProject, url: '/1.0/projects/nope' }] }, 400, /no project "nope"/],
    [{ name: 'g', permissions: 'all' }, 400, /"permissions" must be a list/],
  ]
  for (const [body, status, message] of wrong) {
    const refused = await daemon.refused('POST', groups, { body })
    assert.equal(refused.status, status, refused.error)
    assert.match(refused.error, message)
  }
  assert.deepEqual(await daemon.ok('GET', groups), [`${groups}/taken`])
  await daemon.ok('DELETE', `${groups}/taken`)
})

test('local users and groups are declared, put into groups and forgotten', async () => {
  await daemon.ok('POST', groups, { body: { name: 'a' } })
  await daemon.ok('POST', groups, { body: { name: 'b' } })
  const made = await daemon.call('POST', unix, { body: { id: 'user:alice', name: 'Alice', groups: ['b', 'b'] } })
  assert.deepEqual([made.status, made.headers.location], [201, `${unix}/user%3Aalice`])
  const alice = {
    authentication_method: 'unix',
    type: 'Local user',
    id: 'user:alice',
    name: 'Alice',
    groups: ['b'],
    tls_certificate: '',
  }
  assert.deepEqual(await daemon.ok('GET', `${unix}/user%3Aalice`), alice)
  assert.deepEqual(await daemon.ok('GET', `${unix}?recursion=1`), [alice])
  assert.deepEqual(await daemon.ok('GET', '/1.0/auth/identities'), [`${unix}/user%3Aalice`])
  assert.deepEqual(await daemon.ok('GET', '/1.0/auth/identities/oidc'), [])

  await daemon.ok('PATCH', `${unix}/user:alice`, { body: { groups: ['a'] } })
  assert.deepEqual((await daemon.ok('GET', `${groups}/a`)).identities, { unix: ['user:alice'] })
  await daemon.ok('PUT', `${unix}/user:alice`, { body: { groups: ['a'] } })
  assert.deepEqual((await daemon.ok('GET', `${groups}/b`)).identities, {})

  await daemon.ok('POST', `${groups}/a`, { body: { name: 'c' } })
  assert.deepEqual((await daemon.ok('GET', `${unix}/user:alice`)).groups, ['c'])
  await daemon.ok('DELETE', `${groups}/c`)
  assert.deepEqual((await daemon.ok('GET', `${unix}/user:alice`)).groups, [])
  await daemon.ok('DELETE', `${unix}/user:alice`)
  assert.equal((await daemon.refused('DELETE', `${unix}/user:alice`)).status, 404)
  await daemon.ok('DELETE', `${groups}/b`)
})

test('of an identity, what can not be is refused and named', async () => {
  await daemon.ok('POST', unix, { body: { id: 'user:bob' } })
  const wrong: readonly (readonly [string, object, number, RegExp])[] = [
    [unix, { id: '' }, 400, /"id": expected 1 to 255/],
    [unix, { id: 'alice' }, 400, /expected user:NAME/],
    [unix, { id: 'user:' }, 400, /expected user:NAME/],
    [unix, { id: 'user:-v' }, 400, /expected user:NAME/],
    [unix, { id: 'user:a b' }, 400, /expected user:NAME/],
    [unix, { id: 'uid:01' }, 400, /expected user:NAME/],
    [unix, { id: 'uid:4294967295' }, 400, /expected user:NAME/],
    [unix, { id: 'gid:-1' }, 400, /expected user:NAME/],
    [unix, { id: 'user:bob' }, 409, /already exists/],
    [unix, { id: 'user:eve', groups: ['nope'] }, 400, /no group "nope"/],
    ['/1.0/auth/identities/oidc', { id: 'a\nb' }, 400, /control character/],
    ['/1.0/auth/identities/tls', { id: 'ab' }, 403, /trust store/],
    ['/1.0/auth/identities/pam', { id: 'ab' }, 404, /expected oidc, tls, unix/],
  ]
  for (const [url, body, status, message] of wrong) {
    const refused = await daemon.refused('POST', url, { body })
    assert.equal(refused.status, status, refused.error)
    assert.match(refused.error, message)
  }
  assert.equal((await daemon.refused('PUT', `${unix}/user:eve`, { body: {} })).status, 404)
  assert.equal((await daemon.refused('PUT', `${unix}/user:bob`, { body: { groups: ['nope'] } })).status, 400)
  await daemon.ok('DELETE', `${unix}/user:bob`)
})

test('groups of the identity provider are mapped to groups', async () => {
  await daemon.ok('POST', groups, { body: { name: 'a' } })
  await daemon.ok('POST', groups, { body: { name: 'b' } })
  await daemon.ok('POST', mapped, { body: { name: 'staff', groups: ['a'] } })
  assert.deepEqual(await daemon.ok('GET', `${mapped}?recursion=1`), [{ name: 'staff', groups: ['a'] }])
  await daemon.ok('PATCH', `${mapped}/staff`, { body: { groups: ['b'] } })
  assert.deepEqual(await daemon.ok('GET', `${mapped}/staff`), { name: 'staff', groups: ['a', 'b'] })
  assert.deepEqual((await daemon.ok('GET', `${groups}/b`)).identity_provider_groups, ['staff'])
  await daemon.ok('POST', `${mapped}/staff`, { body: { name: '/all/crew' } })
  await daemon.ok('POST', `${mapped}/%2Fall%2Fcrew`, { body: { name: 'crew' } })
  await daemon.ok('DELETE', `${groups}/a`)
  assert.deepEqual(await daemon.ok('GET', `${mapped}/crew`), { name: 'crew', groups: ['b'] })
  await daemon.ok('PUT', `${mapped}/crew`, { body: { groups: [] } })
  assert.equal((await daemon.refused('POST', mapped, { body: { name: 'crew' } })).status, 409)
  assert.equal((await daemon.refused('PUT', `${mapped}/crew`, { body: { groups: ['nope'] } })).status, 400)
  await daemon.ok('DELETE', `${mapped}/crew`)
  await daemon.ok('DELETE', `${groups}/b`)
})

test('what is granted in a project moves and goes with it', async () => {
  await daemon.ok('POST', '/1.0/projects', { body: { name: 'brief' } })
  const permissions = [onServer, { ...inProject, url: '/1.0/projects/brief' }]
  await daemon.ok('POST', groups, { body: { name: 'g', permissions } })
  await daemon.ok('POST', '/1.0/projects/brief', { body: { name: 'moved' } })
  const granted = async () => (await daemon.ok('GET', `${groups}/g`)).permissions
  assert.deepEqual(await granted(), [onServer, { ...inProject, url: '/1.0/projects/moved' }])
  await daemon.ok('PATCH', '/1.0/projects/moved', { body: { description: 'x' } })
  await daemon.ok('DELETE', '/1.0/projects/moved')
  assert.deepEqual(await granted(), [onServer])
  // A project that comes to have that name is another one.
  await daemon.ok('POST', '/1.0/projects', { body: { name: 'moved' } })
  assert.deepEqual(await granted(), [onServer])
  await daemon.ok('DELETE', '/1.0/projects/moved')
  await daemon.ok('DELETE', `${groups}/g`)
})

test('permissions are listed with the groups that have them', async () => {
  await daemon.ok('POST', groups, { body: { name: 'g', permissions: [inProject] } })
  const all = await daemon.ok('GET', '/1.0/auth/permissions')
  assert.equal(all.length, 12)
  assert.ok(all.every((one: object) => !('groups' in one)))
  const ofProject = await daemon.ok('GET', '/1.0/auth/permissions?recursion=1&project=p1')
  assert.equal(ofProject.length, 4)
  assert.deepEqual(
    ofProject.filter(({ groups }: { groups: string[] }) => groups.length > 0),
    [{ ...inProject, groups: ['g'] }],
  )
  assert.equal((await daemon.ok('GET', '/1.0/auth/permissions?entity-type=server')).length, 4)
  assert.equal((await daemon.refused('GET', '/1.0/auth/permissions?entity-type=instance')).status, 400)
  await daemon.ok('DELETE', `${groups}/g`)
})

test('a certificate that is restricted to nothing has what its groups give', async () => {
  const port = await freePort()
  await daemon.ok('PATCH', '/1.0', { body: { config: { 'core.https_address': `127.0.0.1:${port}` } } })
  await daemon.ok('POST', groups, { body: { name: 'viewers', permissions: [onServer] } })
  const pairs = ['client', 'metrics'].map((type) => ({ type, ...clientCertificate() }))
  for (const { type, certificate } of pairs) {
    const encoded = certificate.replaceAll(/-----[^-]+-----|\s/g, '')
    await daemon.ok('POST', '/1.0/certificates', {
      body: { type, name: type, restricted: true, projects: [], certificate: encoded },
    })
  }
  const [viewer, metrics] = pairs.map(({ certificate, key }) => ({
    fingerprint: new X509Certificate(certificate).fingerprint256.replaceAll(':', '').toLowerCase(),
    call: async (method: string, path: string) =>
      (
        await callHttps({
          port,
          method,
          path,
          tls: { cert: certificate, key },
          ...(method === 'GET' ? {} : { body: '{}' }),
        })
      ).status,
  }))
  const url = (fingerprint: string) => `/1.0/auth/identities/tls/${fingerprint}`
  assert.equal(await viewer!.call('GET', '/1.0/instances'), 404)
  await daemon.ok('PUT', url(viewer!.fingerprint.slice(0, 12)), { body: { groups: ['viewers'] } })
  assert.deepEqual(await daemon.ok('GET', `${groups}/viewers`).then(({ identities }) => identities), {
    tls: [viewer!.fingerprint],
  })
  assert.equal((await daemon.ok('GET', url(viewer!.fingerprint))).type, 'Client certificate (restricted)')
  assert.equal(await viewer!.call('GET', '/1.0/instances'), 200)
  assert.equal(await viewer!.call('GET', '/1.0/auth/groups'), 200)
  assert.equal(await viewer!.call('POST', '/1.0/auth/groups'), 403)
  assert.equal(await viewer!.call('PATCH', '/1.0/profiles/default'), 403)

  const refused = await daemon.refused('PUT', url(metrics!.fingerprint), { body: { groups: ['viewers'] } })
  assert.match(refused.error, /a metrics certificate \(restricted\) can be in none/)
  assert.equal((await daemon.refused('GET', url(viewer!.fingerprint.slice(0, 11)))).status, 404)
  await daemon.ok('DELETE', `/1.0/certificates/${viewer!.fingerprint}`)
  assert.equal(await viewer!.call('GET', '/1.0/instances'), 403)
  await daemon.ok('DELETE', `${groups}/viewers`)
})

test('a client is told who it is', async () => {
  const { effective_permissions, ...self } = await daemon.ok('GET', '/1.0/auth/identities/current')
  assert.deepEqual(effective_permissions, [{ ...onServer, entitlement: 'admin' }])
  assert.deepEqual(self, {
    authentication_method: 'unix',
    type: 'Local user',
    id: 'root',
    name: 'root',
    groups: [],
    tls_certificate: '',
    effective_groups: [],
    fine_grained: false,
  })
})
