import assert from 'node:assert/strict'
import { createHmac, createPublicKey } from 'node:crypto'
import { after, before, test } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { exportJWK, generateKeyPair } from 'jose'
import type { JWK } from 'jose'
import { WebSocket } from 'ws'
import { TestProvider } from '../oidc-provider.ts'
import { TestDaemon } from './daemon.ts'
import { callHttps, clientCertificate, freePort } from './https.ts'

let daemon: TestDaemon
let provider: TestProvider
let port: number
before(async () => {
  ;[daemon, provider, port] = await Promise.all([TestDaemon.start(), TestProvider.start(), freePort()])
  await configure({ 'core.https_address': `127.0.0.1:${port}`, ...provider.config })
  await daemon.ok('POST', '/1.0/projects', { body: { name: 'p1' } })
  await daemon.ok('POST', '/1.0/auth/groups', {
    body: {
      name: 'operators',
      permissions: [{ entity_type: 'project', url: '/1.0/projects/p1', entitlement: 'operator' }],
    },
  })
})
after(async () => {
  await daemon[Symbol.asyncDispose]()
  await provider[Symbol.asyncDispose]()
})

const configure = (config: Record<string, string>) => daemon.ok('PATCH', '/1.0', { body: { config } })
const jane = '/1.0/auth/identities/oidc/jane@example.org'
const inP1 = '/1.0/instances?project=p1'

/** Sends a request with a token. */
const call = (token: string, path = inP1, method = 'GET') =>
  callHttps({ port, method, path, headers: { authorization: `Bearer ${token}` } })
const status = async (token: string, path?: string) => (await call(token, path)).status

test('a client learns where to get a token, gets one, and is known by it', async () => {
  const { body } = await callHttps({ port })
  assert.deepEqual([body.metadata.auth, body.metadata.auth_methods], ['untrusted', ['tls', 'oidc']])
  // LXD's clients begin with an empty token.
  for (const authorization of ['Bearer', 'Bearer ', 'Basic x', 'Bearer a b']) {
    const asked = await callHttps({ port, headers: { authorization } })
    assert.equal(asked.status, 401, authorization)
    assert.equal(asked.headers['x-lxd-oidc-issuer'], provider.issuer)
    assert.equal(asked.headers['x-lxd-oidc-clientid'], provider.clientId)
    assert.equal(asked.headers['x-lxd-oidc-audience'], provider.audience)
    assert.equal(asked.headers['x-lxd-oidc-groups-claim'], 'groups')
  }
  const { access_token } = await provider.signIn('jane')
  assert.equal((await call(access_token, '/1.0')).body.metadata.auth, 'trusted')
  const { effective_permissions, effective_groups, ...self } = (
    await call(access_token, '/1.0/auth/identities/current')
  ).body.metadata
  assert.deepEqual([effective_permissions, effective_groups], [[], []])
  assert.deepEqual(self, {
    authentication_method: 'oidc',
    type: 'OIDC client',
    id: 'jane@example.org',
    name: 'Jane Doe',
    groups: [],
    tls_certificate: '',
    fine_grained: true,
  })
})

test('who is known and in no group sees nothing', async () => {
  const token = await provider.sign('jane')
  assert.deepEqual((await call(token, '/1.0/projects')).body.metadata, [])
  assert.deepEqual((await call(token, '/1.0/operations')).body.metadata, {})
  assert.deepEqual((await call(token, '/1.0/certificates')).body.metadata, [])
  assert.deepEqual(Object.keys((await call(token, '/1.0')).body.metadata).includes('environment'), false)
  for (const path of ['/1.0/resources', '/1.0/storage-pools', '/1.0/auth/groups']) {
    assert.notEqual(await status(token, path), 200, path)
  }
  for (const path of ['/1.0/instances', inP1, '/1.0/profiles', '/1.0/networks', '/1.0/projects/p1']) {
    assert.equal(await status(token, path), 404, path)
  }
})

test('groups give rights, by the user and by the groups the provider tells of, and take them at once', async () => {
  const token = await provider.sign('jane')
  await daemon.ok('PUT', jane, { body: { groups: ['operators'] } })
  assert.equal(await status(token), 200)
  await daemon.ok('PUT', jane, { body: { groups: [] } })
  assert.equal(await status(token), 404)

  const mapping = '/1.0/auth/identity-provider-groups'
  await daemon.ok('POST', mapping, { body: { name: 'staff', groups: ['operators'] } })
  assert.equal(await status(token), 200)
  const { groups, effective_groups } = (await call(token, '/1.0/auth/identities/current')).body.metadata
  assert.deepEqual([groups, effective_groups], [[], ['operators']])
  for (const claimed of ['staff', { staff: true }, [['staff']], [1], null, [], ['operators'], ['Staff']]) {
    assert.equal(await status(await provider.sign('jane', { groups: claimed })), 404, JSON.stringify(claimed))
  }
  await daemon.ok('DELETE', `${mapping}/staff`)
  assert.equal(await status(token), 404)
})

test('an address counts only where the provider has verified it', async () => {
  await daemon.ok('PUT', jane, { body: { groups: ['operators'] } })
  assert.equal(await status(await provider.sign('jane')), 200)
  assert.equal(await status(await provider.sign('mallory')), 404)
  for (const claim of [undefined, 'true', 1, null]) {
    assert.equal(await status(await provider.sign('mallory', { email_verified: claim })), 404)
  }
  assert.deepEqual((await daemon.ok('GET', '/1.0/auth/identities/oidc')).toSorted(), [
    '/1.0/auth/identities/oidc/jane%40example.org',
    '/1.0/auth/identities/oidc/mallory',
  ])
})

test('a token that the provider did not make for this server, or that no longer holds, is refused', async () => {
  const good = await provider.sign('jane')
  const [header = '', payload = '', signature = ''] = good.split('.')
  const now = Math.floor(Date.now() / 1000)
  const encode = (value: object) => Buffer.from(JSON.stringify(value)).toString('base64url')
  const pem = createPublicKey({ key: provider.key as object, format: 'jwk' } as never)
    .export({ type: 'spki', format: 'pem' })
    .toString()
  const mac = (alg: string, secret: string) => {
    const head = encode({ alg, kid: provider.key.kid, typ: 'JWT' })
    return `${head}.${payload}.${createHmac('sha256', secret).update(`${head}.${payload}`).digest('base64url')}`
  }
  const { privateKey } = await generateKeyPair('ES256', { extractable: true })
  const own: JWK = { ...(await exportJWK(privateKey)), alg: 'ES256', kid: provider.key.kid! }
  const { d: _, ...ownPublic } = own
  const attacks: Readonly<Record<string, string>> = {
    'no signature': `${encode({ alg: 'none' })}.${payload}.`,
    'no signature, spelled otherwise': `${encode({ alg: 'nOnE' })}.${payload}.`,
    'signature left out': `${header}.${payload}.`,
    'claims exchanged': `${header}.${encode({ ...(JSON.parse(String(Buffer.from(payload, 'base64url'))) as object), sub: 'x' })}.${signature}`,
    'the public key as a secret': mac('HS256', pem),
    'the x of the public key as a secret': mac('HS256', provider.key.x!),
    'an empty secret': mac('HS256', ''),
    'an own key under the name of the right one': await provider.sign('jane', {}, own),
    'an own key, brought along': `${encode({ alg: 'ES256', jwk: ownPublic })}.${(await provider.sign('jane', {}, own)).split('.').slice(1).join('.')}`,
    'another issuer': await provider.sign('jane', { iss: 'https://evil.example.org' }),
    'an issuer that only begins like it': await provider.sign('jane', { iss: `${provider.issuer}.evil.example.org` }),
    'another audience': await provider.sign('jane', { aud: 'https://other.example.org' }),
    'no audience': await provider.sign('jane', { aud: [] }),
    expired: await provider.sign('jane', { exp: now - 60 }),
    'no expiry': await provider.sign('jane', { exp: null as never }),
    'not valid yet': await provider.sign('jane', { nbf: now + 600 }),
    'no subject': await provider.sign('', { email_verified: false, sub: '' }),
    'an unknown extension that must be understood': `${encode({ alg: 'ES256', kid: provider.key.kid, crit: ['x'], x: 1 })}.${payload}.${signature}`,
    garbage: 'a.b.c',
    'much garbage': 'a'.repeat(12_000),
  }
  for (const [name, token] of Object.entries(attacks)) {
    const { status: code, body } = await call(token)
    assert.equal(code, 401, name)
    assert.match(body.error, /^Invalid/, name)
    assert.ok(!body.error.includes(token), name)
  }
  // The control: the token they are made of is good.
  assert.equal(await status(good), 200)
})

test('without an audience, a token made out for another client is refused', async () => {
  await configure({ 'oidc.audience': '' })
  assert.equal(await status(await provider.sign('jane', { aud: 'other', client_id: 'other' })), 401)
  assert.equal(await status(await provider.sign('jane', { aud: 'other', client_id: provider.clientId })), 200)
  assert.equal(await status(await provider.sign('jane', { aud: provider.clientId, client_id: 'other' })), 200)
  await configure({ 'oidc.audience': provider.audience })
})

test('a right that is withdrawn ends what is open', async () => {
  const open = async (token: string) => {
    const headers = { authorization: `Bearer ${token}` }
    const socket = new WebSocket(`wss://127.0.0.1:${port}/1.0/events?project=p1`, {
      headers,
      rejectUnauthorized: false,
    })
    const closed = new Promise((resolve) => socket.once('close', resolve))
    await new Promise((resolve, reject) => socket.once('open', resolve).once('error', reject))
    return { closed }
  }
  await assert.rejects(open('x'), /401/)
  const { closed } = await open(await provider.sign('jane'))
  const isOpen = Symbol('open')
  assert.equal(await Promise.race([closed, sleep(200, isOpen)]), isOpen)
  await daemon.ok('PUT', jane, { body: { groups: [] } })
  assert.notEqual(await Promise.race([closed, sleep(5000, isOpen)]), isOpen)
  await daemon.ok('PUT', jane, { body: { groups: ['operators'] } })
})

test('a token counts over the certificate it comes with, and is nothing on the Unix socket', async () => {
  const { certificate, key } = clientCertificate()
  const tls = { cert: certificate, key }
  await daemon.ok('POST', '/1.0/certificates', {
    body: { type: 'client', name: 'c', certificate: certificate.replaceAll(/-----[^-]+-----|\s/g, '') },
  })
  assert.equal((await callHttps({ port, tls, path: '/1.0/auth/groups' })).status, 200)
  const headers = { authorization: `Bearer ${await provider.sign('jane')}` }
  assert.equal((await callHttps({ port, tls, headers, path: '/1.0/auth/groups' })).status, 403)
  assert.equal((await callHttps({ port, tls, headers: { authorization: 'Bearer x' } })).status, 401)
  assert.equal((await daemon.call('GET', '/1.0/auth/groups', { headers: { authorization: 'Bearer x' } })).status, 200)
})

test('where no provider is configured, tokens mean nothing', async () => {
  const token = await provider.sign('jane')
  await configure({ 'oidc.issuer': '' })
  const { status: code, headers } = await call(token)
  assert.deepEqual([code, headers['x-lxd-oidc-issuer']], [403, undefined])
  assert.deepEqual((await callHttps({ port })).body.metadata.auth_methods, ['tls'])
  await configure({ 'oidc.issuer': provider.issuer })
  assert.equal(await status(token), 200)
})

test('what can not be a provider is refused', async () => {
  for (const issuer of [
    'nonsense',
    'http://idp.example.org',
    'https://u:p@idp.example.org',
    'ftp://x',
    'https://x/?a',
  ]) {
    const { error } = await daemon.refused('PATCH', '/1.0', { body: { config: { 'oidc.issuer': issuer } } })
    assert.match(error, /"oidc.issuer": Invalid issuer .*expected an https URL/)
  }
  const { error } = await daemon.refused('PATCH', '/1.0', { body: { config: { 'oidc.client.id': 'a\r\nb: c' } } })
  assert.match(error, /"oidc.client.id".*plain text/)
})

test('while the provider is away, only its users notice', async () => {
  const { certificate, key } = clientCertificate()
  const body = { type: 'client', name: 'd', certificate: certificate.replaceAll(/-----[^-]+-----|\s/g, '') }
  await daemon.ok('POST', '/1.0/certificates', { body })
  const token = await provider.sign('jane')
  await configure({ 'oidc.issuer': 'http://127.0.0.1:1' })
  const { status: code, body: answer } = await call(token)
  assert.equal(code, 503)
  assert.match(answer.error, /Cannot ask the OpenID Connect provider for its keys: Cannot read .*ECONNREFUSED/)
  assert.equal((await callHttps({ port, tls: { cert: certificate, key }, path: '/1.0/certificates' })).status, 200)
  assert.equal((await daemon.call('GET', '/1.0/instances')).status, 200)
  await configure({ 'oidc.issuer': provider.issuer })
  assert.equal(await status(token), 200)
})
