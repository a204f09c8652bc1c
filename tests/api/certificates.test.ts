import assert from 'node:assert/strict'
import { generateKeyPairSync } from 'node:crypto'
import { once } from 'node:events'
import { after, before, test } from 'node:test'
import { WebSocket } from 'ws'
import type { CertificatePair } from '#base/certificate.ts'
import { readCertificate } from '#auth/client-certificate.ts'
import type { Json } from './call.ts'
import { TestDaemon } from './daemon.ts'
import { callHttps, clientCertificate, freePort } from './https.ts'

let daemon: TestDaemon
let port = 0
before(async () => {
  daemon = await TestDaemon.start()
  port = await freePort()
  await daemon.ok('PATCH', '/1.0', { body: { config: { 'core.https_address': `127.0.0.1:${port}` } } })
  await daemon.ok('POST', '/1.0/projects', { body: { name: 'p1' } })
})
after(() => daemon[Symbol.asyncDispose]())

const fingerprintOf = ({ certificate }: CertificatePair) => readCertificate('certificate', certificate).fingerprint
const urlOf = (pair: CertificatePair) => `/1.0/certificates/${fingerprintOf(pair)}`

/** Sends a request as whoever has this certificate. */
async function as(pair: CertificatePair | undefined, method: string, path: string, body?: unknown) {
  const tls = pair ? { cert: pair.certificate, key: pair.key } : {}
  const text = body === undefined ? {} : { body: JSON.stringify(body) }
  const { status, body: answer } = await callHttps({ port, method, path, tls, ...text })
  return { status, error: answer.error as string, metadata: answer.metadata as Json, operation: answer.operation }
}

async function trusted(input: object = {}, name = 'tester'): Promise<CertificatePair> {
  const pair = clientCertificate(name)
  await daemon.ok('POST', '/1.0/certificates', { body: { type: 'client', certificate: pair.certificate, ...input } })
  return pair
}

/** A token as clients get it: base64 of what the operation tells. */
async function makeToken(input: object = {}): Promise<{ text: string; operation: string }> {
  const body = { type: 'client', token: true, name: 'joined', ...input }
  const { body: answer } = await daemon.call('POST', '/1.0/certificates', { body })
  const { fingerprint, addresses, secret, request, expiresAt } = answer.metadata.metadata
  const token = { client_name: request.name, fingerprint, addresses, secret, expires_at: expiresAt }
  return { text: Buffer.from(JSON.stringify(token)).toString('base64'), operation: answer.operation }
}

const join = (pair: CertificatePair, password: string, more: object = {}) =>
  as(pair, 'POST', '/1.0/certificates', { type: 'client', password, ...more })

test('a trusted certificate is that of an administrator, and a stranger has nothing', async () => {
  const pair = await trusted({ name: 'boss' })
  const { status, metadata } = await as(pair, 'GET', '/1.0')
  assert.equal(status, 200)
  assert.equal(metadata.auth, 'trusted')
  assert.equal((await as(pair, 'POST', '/1.0/projects', { name: 'by-boss' })).status, 201)

  const other = clientCertificate()
  for (const one of [undefined, other]) {
    assert.equal((await as(one, 'GET', '/1.0')).metadata.auth, 'untrusted')
    assert.deepEqual(await as(one, 'GET', '/1.0/certificates').then(({ status: code }) => code), 403)
  }
})

test('a restricted certificate counts in its projects only', async () => {
  const pair = await trusted({ restricted: true, projects: ['p1'] })
  assert.deepEqual((await as(pair, 'GET', '/1.0/projects')).metadata, ['/1.0/projects/p1'])
  assert.equal((await as(pair, 'GET', '/1.0/profiles?project=p1')).status, 200)
  assert.equal((await as(pair, 'GET', '/1.0/profiles')).status, 404)
  assert.equal((await as(pair, 'POST', '/1.0/projects', { name: 'mine' })).status, 403)
  assert.deepEqual((await as(pair, 'GET', '/1.0')).metadata.config, {})
})

test('what a certificate is trusted with changes at once, on connections that are open too', async () => {
  const { Agent } = await import('node:https')
  const pair = await trusted()
  const agent = new Agent({ keepAlive: true, maxSockets: 1, rejectUnauthorized: false })
  const call = (path: string) =>
    callHttps({ port, path, tls: { cert: pair.certificate, key: pair.key }, agent }).then(({ status }) => status)
  assert.equal(await call('/1.0/networks'), 200)
  await daemon.ok('PATCH', urlOf(pair), { body: { restricted: true, projects: ['p1'] } })
  assert.equal(await call('/1.0/networks'), 404)
  assert.equal(await call('/1.0/networks?project=p1'), 200)
  await daemon.ok('DELETE', urlOf(pair))
  assert.equal(await call('/1.0/networks?project=p1'), 403)
  agent.destroy()
})

test('what goes on over websockets ends with what it was begun with', async () => {
  for (const take of [
    (pair: CertificatePair) => daemon.ok('DELETE', urlOf(pair)),
    (pair: CertificatePair) => daemon.ok('PATCH', urlOf(pair), { body: { restricted: true } }),
    (pair: CertificatePair) => as(pair, 'PATCH', urlOf(pair), { certificate: clientCertificate().certificate }),
  ]) {
    const [pair, other] = [await trusted(), await trusted()]
    const [socket, control] = [pair, other].map(({ certificate: cert, key }) => {
      const opened = new WebSocket(`wss://127.0.0.1:${port}/1.0/events`, { cert, key, rejectUnauthorized: false })
      opened.on('error', () => {})
      return opened
    })
    assert.ok(socket && control)
    await Promise.all([once(socket, 'open'), once(control, 'open')])
    const closed = once(socket, 'close')
    await take(pair)
    await closed
    assert.equal(control.readyState, control.OPEN)
    control.terminate()
  }
})

test('a client sees its own certificate and no other, an administrator sees all', async () => {
  const restricted = await trusted({ restricted: true, projects: ['p1'] })
  const other = await trusted()
  assert.deepEqual((await as(restricted, 'GET', '/1.0/certificates')).metadata, [urlOf(restricted)])
  const [shown] = (await as(restricted, 'GET', '/1.0/certificates?recursion=1')).metadata
  assert.equal(shown.fingerprint, fingerprintOf(restricted))
  assert.equal((await as(restricted, 'GET', urlOf(restricted))).status, 200)
  assert.equal((await as(restricted, 'GET', urlOf(other))).status, 404)
  assert.equal((await as(restricted, 'GET', `/1.0/certificates/${'0'.repeat(64)}`)).status, 404)
  assert.ok((await as(other, 'GET', '/1.0/certificates')).metadata.includes(urlOf(restricted)))
})

test('the beginning of a fingerprint names a certificate, and patterns do not', async () => {
  const pair = await trusted()
  const short = urlOf(pair).slice(0, '/1.0/certificates/'.length + 12)
  assert.equal((await daemon.ok('GET', short)).fingerprint, fingerprintOf(pair))
  for (const wrong of ['%25', '_', '.*', 'zz', `${fingerprintOf(pair)}0`, 'a'.repeat(65)]) {
    assert.deepEqual(await daemon.refused('GET', `/1.0/certificates/${wrong}`), {
      status: 404,
      error: 'Certificate not found',
    })
  }
})

test('a token adds the client that has it, as it was made for, once', async () => {
  const { text, operation } = await makeToken({ restricted: true, projects: ['p1'] })
  const pair = clientCertificate()
  const wish = { name: 'other', restricted: false, projects: [] }
  assert.equal((await join(pair, text, wish)).status, 201)
  const { name, type, restricted, projects } = await daemon.ok('GET', urlOf(pair))
  assert.deepEqual([name, type, restricted, projects], ['joined', 'client', true, ['p1']])
  assert.equal((await daemon.ok('GET', `${operation}/wait`)).status, 'Success')

  const second = await join(clientCertificate(), text)
  assert.deepEqual([second.status, second.error], [403, 'No matching certificate add operation found'])
})

test('a revoked token is worth nothing; nobody but administrators sees tokens', async () => {
  const restricted = await trusted({ restricted: true, projects: ['default', 'p1'] })
  const { text, operation } = await makeToken()
  const listed = JSON.stringify(await daemon.ok('GET', '/1.0/operations?recursion=1'))
  assert.match(listed, /"secret":"[0-9a-f]{64}"/)
  const others = await as(restricted, 'GET', '/1.0/operations?recursion=1')
  assert.doesNotMatch(JSON.stringify(others.metadata), /secret|token/)
  assert.equal((await as(restricted, 'GET', operation)).status, 404)
  assert.equal((await as(restricted, 'DELETE', operation)).status, 404)
  await daemon.ok('DELETE', operation)
  assert.equal((await join(clientCertificate(), text)).status, 403)
})

test('a token that could not be used is good still', async () => {
  await daemon.ok('POST', '/1.0/projects', { body: { name: 'brief' } })
  const { text } = await makeToken({ restricted: true, projects: ['brief'] })
  await daemon.ok('DELETE', '/1.0/projects/brief')
  const pair = clientCertificate()
  assert.match((await join(pair, text)).error, /there is no project "brief"/)
  await daemon.ok('POST', '/1.0/projects', { body: { name: 'brief' } })
  assert.equal((await join(pair, text)).status, 201)
})

test('tokens expire', async () => {
  await daemon.ok('PATCH', '/1.0', { body: { config: { 'core.remote_token_expiry': '1S' } } })
  const { text, operation } = await makeToken()
  assert.match((await daemon.ok('GET', operation)).metadata.expiresAt, /^20\d\d-.*Z$/)
  assert.equal((await daemon.ok('GET', `${operation}/wait`)).err, 'The token has expired')
  assert.equal((await join(clientCertificate(), text)).status, 403)
  await daemon.ok('PATCH', '/1.0', { body: { config: { 'core.remote_token_expiry': '' } } })
})

test('the trust password adds who knows it; it is never shown, and showing it back leaves it', async () => {
  const set = (config: object) => daemon.ok('PATCH', '/1.0', { body: { config } })
  assert.equal((await join(clientCertificate(), 'hunter2')).status, 403)
  const wrong = await daemon.refused('PATCH', '/1.0', { body: { config: { 'core.trust_password': 'true' } } })
  assert.match(wrong.error, /"core.trust_password": expected another password/)
  await set({ 'core.trust_password': 'hunter2' })
  const shown = (await daemon.ok('GET', '/1.0')).config
  assert.equal(shown['core.trust_password'], 'true')
  assert.match(String(daemon.daemon.services.serverConfig.get()['core.trust_password']), /^scrypt:32768:8:1:/)

  await daemon.ok('PUT', '/1.0', { body: { config: shown } })
  assert.equal((await join(clientCertificate(), 'true')).status, 403)
  const pair = clientCertificate('by password')
  assert.equal((await join(pair, 'hunter2')).status, 201)
  const { name, restricted } = await daemon.ok('GET', urlOf(pair))
  assert.deepEqual([name, restricted], ['by password', false])
  await daemon.daemon.services.warnings.flush()
  const warned = await daemon.ok('GET', '/1.0/warnings?recursion=1')
  assert.ok(warned.some((one: Json) => one.type === 'Trust password is in use' && one.status === 'new'))

  // Who has seen the warning need not see it again after each restart.
  const { uuid } = warned.find((one: Json) => one.type === 'Trust password is in use')
  await daemon.ok('PUT', `/1.0/warnings/${uuid}`, { body: { status: 'acknowledged' } })
  await daemon.close()
  await daemon.open()
  assert.equal((await daemon.ok('GET', `/1.0/warnings/${uuid}`)).status, 'acknowledged')

  await set({ 'core.trust_password': '' })
  assert.equal((await join(clientCertificate(), 'hunter2')).status, 403)
  assert.equal((await daemon.ok('GET', '/1.0')).config['core.trust_password'], undefined)
})

test('a client may renew its own certificate, and nothing else of it', async () => {
  const pair = await trusted({ name: 'r', restricted: true, projects: ['p1'] })
  const same = { name: 'r', type: 'client', restricted: true, projects: ['p1'] }
  for (const [method, body, error] of [
    ['PUT', { ...same, restricted: false }, 'Only the certificate can be changed'],
    ['PUT', { ...same, projects: ['p1', 'default'] }, 'Only the certificate can be changed'],
    ['PUT', { ...same, name: 'x' }, 'Only the certificate can be changed'],
    ['PUT', { ...same, type: 'server' }, 'The certificate type cannot be changed'],
    ['PATCH', { restricted: false }, 'Only the certificate can be changed'],
    ['PATCH', { type: 'metrics' }, 'The certificate type cannot be changed'],
  ] as const) {
    const refused = await as(pair, method, urlOf(pair), body)
    assert.deepEqual([refused.status, refused.error], [403, error])
  }
  assert.equal((await as(pair, 'DELETE', urlOf(pair))).status, 403)

  const renewed = clientCertificate()
  assert.equal((await as(pair, 'PATCH', urlOf(pair), { certificate: renewed.certificate })).status, 200)
  assert.equal((await as(pair, 'GET', '/1.0')).metadata.auth, 'untrusted')
  assert.deepEqual((await as(renewed, 'GET', '/1.0/projects')).metadata, ['/1.0/projects/p1'])
})

test('groups follow a certificate that is renewed, and end with it', async () => {
  const permission = { entity_type: 'server', url: '/1.0', entitlement: 'viewer' }
  await daemon.ok('POST', '/1.0/auth/groups', { body: { name: 'watchers', permissions: [permission] } })
  const pair = await trusted({ name: 'w', restricted: true })
  assert.equal((await as(pair, 'GET', '/1.0/networks')).status, 404)
  await daemon.ok('PUT', `/1.0/auth/identities/tls/${fingerprintOf(pair)}`, { body: { groups: ['watchers'] } })
  assert.equal((await as(pair, 'GET', '/1.0/networks')).status, 200)

  const renewed = clientCertificate()
  assert.equal((await as(pair, 'PATCH', urlOf(pair), { certificate: renewed.certificate })).status, 200)
  assert.equal((await as(pair, 'GET', '/1.0/networks')).status, 403)
  assert.equal((await as(renewed, 'GET', '/1.0/networks')).status, 200)
  // Who may see everything may still change nothing.
  assert.equal((await as(renewed, 'PATCH', urlOf(renewed), { restricted: false })).status, 403)

  await daemon.ok('DELETE', urlOf(renewed))
  await daemon.ok('POST', '/1.0/certificates', {
    body: { type: 'client', certificate: renewed.certificate, restricted: true },
  })
  assert.equal((await as(renewed, 'GET', '/1.0/networks')).status, 404)
})

test('the type of a certificate never changes, whoever asks', async () => {
  const pair = await trusted({ type: 'metrics' })
  for (const type of ['client', 'server', '']) {
    const body = { name: 'x', type, restricted: false, projects: [] }
    assert.deepEqual(await daemon.refused('PUT', urlOf(pair), { body }), {
      status: 403,
      error: 'The certificate type cannot be changed',
    })
  }
})

test('certificates of type metrics and server are no clients', async () => {
  for (const type of ['metrics', 'server']) {
    const pair = await trusted({ type })
    assert.equal((await as(pair, 'GET', '/1.0')).metadata.auth, 'untrusted')
    assert.equal((await as(pair, 'GET', '/1.0/certificates')).status, 403)
    assert.equal((await as(pair, 'GET', '/1.0/instances')).status, 403)
  }
})

test('a certificate follows its projects: renamed with them, and without them when they go', async () => {
  await daemon.ok('POST', '/1.0/projects', { body: { name: 'old' } })
  const pair = await trusted({ restricted: true, projects: ['old', 'p1'] })
  await daemon.ok('POST', '/1.0/projects/old', { body: { name: 'new' } })
  assert.deepEqual((await daemon.ok('GET', urlOf(pair))).projects, ['new', 'p1'])
  await daemon.ok('DELETE', '/1.0/projects/new')
  await daemon.ok('POST', '/1.0/projects', { body: { name: 'new' } })
  assert.deepEqual((await daemon.ok('GET', urlOf(pair))).projects, ['p1'])
})

test('broken certificates and wishes that can not be are refused by name, and nothing is trusted', async () => {
  const before = await daemon.ok('GET', '/1.0/certificates')
  const { certificate } = clientCertificate()
  const pem = (label: string, bytes: Buffer) =>
    `-----BEGIN ${label}-----\n${bytes.toString('base64')}\n-----END ${label}-----\n`
  const der = Buffer.from(certificate.replaceAll(/-----[A-Z ]+-----|\s/g, ''), 'base64')
  const key = generateKeyPairSync('ec', { namedCurve: 'P-384' }).privateKey
  const ok = { type: 'client', certificate }
  for (const [body, message] of [
    [{ type: 'client' }, /"certificate": expected the one to trust/],
    [{ ...ok, certificate: '!!' }, /"certificate": expected a certificate as PEM or in base64/],
    [{ ...ok, certificate: 'AAAA' }, /"certificate": expected an X.509 certificate/],
    [{ ...ok, certificate: der.subarray(0, -3).toString('base64') }, /"certificate"/],
    [{ ...ok, certificate: Buffer.concat([der, der]).toString('base64') }, /"certificate": more follows/],
    [{ ...ok, certificate: certificate + certificate }, /"certificate": expected one certificate, found 2/],
    [{ ...ok, certificate: pem('CERTIFICATE', Buffer.alloc(300, 48)) }, /"certificate": expected an X.509/],
    [{ ...ok, certificate: '-----BEGIN CERTIFICATE-----\nAAA' }, /"certificate": broken PEM/],
    [{ ...ok, certificate: key.export({ type: 'pkcs8', format: 'pem' }) }, /the PEM of a PRIVATE KEY/],
    [{ ...ok, certificate: 'A'.repeat(70_000) }, /"certificate": longer than/],
    [{ ...ok, certificate: 1 }, /"certificate" must be a string/],
    [{ ...ok, type: 'bogus' }, /"type" "bogus": expected one of client, metrics, server/],
    [{ ...ok, projects: ['nope'], restricted: true }, /"projects": there is no project "nope"/],
    [{ ...ok, name: 'a\nb' }, /"name": expected/],
    [{ ...ok, name: 'x'.repeat(256) }, /"name": expected/],
    [{ ...ok, type: 'server', restricted: true }, /"restricted": a certificate of type server/],
    [{ type: 'metrics', token: true }, /Tokens can only be issued for client certificates/],
    [{ type: 'client', token: true, projects: ['nope'] }, /there is no project "nope"/],
  ] as const) {
    const { status, error } = await daemon.refused('POST', '/1.0/certificates', { body })
    assert.equal(status, 400, error)
    assert.match(error, message)
  }
  const huge = await daemon.refused('POST', '/1.0/certificates', { body: { ...ok, certificate: 'A'.repeat(10 << 20) } })
  assert.match(huge.error, /larger than/)
  assert.deepEqual(await daemon.ok('GET', '/1.0/certificates'), before)
})

test('a change with an old ETag is refused', async () => {
  const pair = await trusted()
  const { headers } = await daemon.call('GET', urlOf(pair))
  await daemon.ok('PATCH', urlOf(pair), { body: { name: 'a' }, headers: { 'if-match': String(headers.etag) } })
  const again = await daemon.refused('PATCH', urlOf(pair), {
    body: { name: 'b' },
    headers: { 'if-match': String(headers.etag) },
  })
  assert.equal(again.status, 412)
})

test('a certificate is trusted once', async () => {
  const pair = await trusted()
  const body = { type: 'client', certificate: pair.certificate }
  assert.deepEqual(await daemon.refused('POST', '/1.0/certificates', { body }), {
    status: 409,
    error: 'Certificate already in trust store',
  })
  const own = await as(pair, 'POST', '/1.0/certificates', { type: 'client' })
  assert.deepEqual([own.status, own.error], [400, 'Client is already trusted'])
})
