import assert from 'node:assert/strict'
import { randomBytes, X509Certificate } from 'node:crypto'
import { once } from 'node:events'
import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { connect as connectPlain } from 'node:net'
import { after, before, beforeEach, test } from 'node:test'
import { connect } from 'node:tls'
import type { ConnectionOptions } from 'node:tls'
import { makeCertificate } from '#base/certificate.ts'
import { TestDaemon } from '../api/daemon.ts'
import { callHttps, clientCertificate, freePort } from '../api/https.ts'

let daemon: TestDaemon
let port = 0
const admin = clientCertificate('admin')
before(async () => {
  daemon = await TestDaemon.start()
  port = await freePort()
  await set({ 'core.https_address': `127.0.0.1:${port}` })
})
after(() => daemon[Symbol.asyncDispose]())
beforeEach(() => set({ 'core.https_tls_min_version': '' }))

const set = (config: Record<string, string>) => daemon.ok('PATCH', '/1.0', { body: { config } })

/** Connects, asks who the daemon takes us for, and gives that, with what can be used to resume the session. */
async function visit(tls: ConnectionOptions = {}) {
  const socket = connect({ host: '127.0.0.1', port, rejectUnauthorized: false, ...tls })
  let session: Buffer | undefined
  let text = ''
  socket.on('session', (data) => (session = data))
  socket.on('data', (data) => (text += data.toString()))
  await once(socket, 'secureConnect')
  const agreed = { reused: socket.isSessionReused(), protocol: socket.getProtocol(), cipher: socket.getCipher().name }
  socket.write('GET /1.0 HTTP/1.1\r\nHost: lxd\r\nConnection: close\r\n\r\n')
  await once(socket, 'close')
  const [, auth] = /"auth":"(\w+)"/.exec(text) ?? []
  return { auth, session, ...agreed }
}

test('TLS below 1.3 is refused; 1.2 is spoken where the server says so, older never', async () => {
  await assert.rejects(visit({ maxVersion: 'TLSv1.2' }), /alert protocol version/)
  assert.equal((await visit()).protocol, 'TLSv1.3')
  // The control: nothing but the key makes the difference.
  await set({ 'core.https_tls_min_version': '1.2' })
  assert.equal((await visit({ maxVersion: 'TLSv1.2' })).protocol, 'TLSv1.2')
  for (const version of ['TLSv1.1', 'TLSv1'] as const) {
    await assert.rejects(visit({ minVersion: 'TLSv1', maxVersion: version, ciphers: 'DEFAULT@SECLEVEL=0' }), version)
  }
})

test('ciphers without forward secrecy or authenticated encryption are refused with TLS 1.2, too', async () => {
  await set({ 'core.https_tls_min_version': '1.2' })
  const old = { maxVersion: 'TLSv1.2', minVersion: 'TLSv1.2' } as const
  for (const cipher of [
    'AES128-GCM-SHA256',
    'ECDHE-ECDSA-AES128-SHA',
    'ECDHE-ECDSA-AES256-SHA384',
    'ECDHE-ECDSA-AES128-CCM',
  ]) {
    await assert.rejects(visit({ ...old, ciphers: `${cipher}:@SECLEVEL=0` }), /handshake failure/, cipher)
  }
  assert.equal(
    (await visit({ ...old, ciphers: 'ECDHE-ECDSA-AES128-GCM-SHA256' })).cipher,
    'ECDHE-ECDSA-AES128-GCM-SHA256',
  )
})

test('a resumed session is the one client that began it, and only as long as it is trusted', async () => {
  const certificate = new X509Certificate(admin.certificate).raw.toString('base64')
  await daemon.ok('POST', '/1.0/certificates', { body: { type: 'client', name: 'admin', certificate } })
  for (const version of ['TLSv1.3', 'TLSv1.2'] as const) {
    await set({ 'core.https_tls_min_version': '1.2' })
    const mine = { cert: admin.certificate, key: admin.key, maxVersion: version }
    const first = await visit(mine)
    assert.equal(first.auth, 'trusted')
    assert.ok(first.session)
    // Nobody else is taken for it meanwhile, from the same address.
    assert.equal((await visit({ maxVersion: version })).auth, 'untrusted')
    const stranger = await visit({ maxVersion: version })
    assert.ok(stranger.session)

    // The session holds who began it, whatever certificate is at hand when it goes on.
    const resumed = await visit({ ...mine, session: first.session })
    assert.deepEqual([resumed.auth, resumed.reused], ['trusted', true], version)
    const other = await visit({ ...mine, session: stranger.session })
    assert.equal(other.auth, other.reused ? 'untrusted' : 'trusted', version)
  }
  const session = (await visit({ cert: admin.certificate, key: admin.key })).session
  const { fingerprint256 } = new X509Certificate(admin.certificate)
  await daemon.ok('DELETE', `/1.0/certificates/${fingerprint256.replaceAll(':', '').toLowerCase()}`)
  const late = await visit({ cert: admin.certificate, key: admin.key, ...(session ? { session } : {}) })
  assert.equal(late.auth, 'untrusted')
})

test("a certificate with the name of a trusted one is a stranger's", async () => {
  const certificate = new X509Certificate(admin.certificate).raw.toString('base64')
  await daemon.ok('POST', '/1.0/certificates', { body: { type: 'client', name: 'admin', certificate } })
  const twin = clientCertificate('admin')
  assert.equal((await visit({ cert: twin.certificate, key: twin.key })).auth, 'untrusted')
  assert.equal((await visit({ cert: admin.certificate, key: admin.key })).auth, 'trusted')
})

test('what is no handshake ends the connection, and nothing else', async () => {
  for (const bytes of [
    Buffer.from('GET /1.0 HTTP/1.1\r\nHost: lxd\r\n\r\n'),
    Buffer.of(0x16, 3, 1, 0xff, 0xff),
    Buffer.of(0x16, 3, 1, 0, 4, 1, 0, 0, 0),
    Buffer.of(0x80, 0x2e, 1, 0, 2),
    ...Array.from({ length: 50 }, (_, index) => randomBytes(20 * (index + 1))),
  ]) {
    const socket = connectPlain({ host: '127.0.0.1', port })
    socket.on('error', () => {})
    socket.end(bytes)
    await new Promise((resolve) => socket.resume().on('close', resolve))
  }
  assert.equal((await visit()).auth, 'untrusted')
})

test('a daemon whose certificate is broken says so, and starts with no other', async () => {
  await daemon.close()
  const files = ['server.crt', 'server.key'].map((name) => join(daemon.directory, name))
  const [crt = '', key = ''] = files
  const whole = files.map((file) => readFileSync(file, 'utf8'))
  const other = makeCertificate({
    organization: 'x',
    commonName: 'x',
    hosts: [],
    usage: 'server',
    validFrom: new Date(),
    years: 1,
  })
  for (const [file, text, message] of [
    [crt, 'broken', /Cannot read the server certificate/],
    [crt, '', /Cannot read the server certificate/],
    [key, 'broken', /Cannot read the key of the server certificate/],
    [key, other.key, /is not that of the server certificate/],
    [crt, other.certificate, /is not that of the server certificate/],
  ] as const) {
    writeFileSync(file, text)
    await assert.rejects(daemon.open(), message)
    assert.equal(readFileSync(file, 'utf8'), text)
    for (const [index, path] of files.entries()) writeFileSync(path, whole[index] ?? '')
  }
  // The control: the very same files, whole again.
  await daemon.open()
  assert.equal((await callHttps({ port })).status, 200)
})
