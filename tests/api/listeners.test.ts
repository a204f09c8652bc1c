import assert from 'node:assert/strict'
import { once } from 'node:events'
import { X509Certificate } from 'node:crypto'
import { writeFileSync } from 'node:fs'
import { request } from 'node:https'
import type { IncomingMessage } from 'node:http'
import { createServer } from 'node:net'
import { join } from 'node:path'
import { after, before, test } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { connect } from 'node:tls'
import { WebSocket } from 'ws'
import { makeCertificate } from '#base/certificate.ts'
import { TestDaemon } from './daemon.ts'
import { callHttps, clientCertificate, freePort } from './https.ts'

let daemon: TestDaemon
before(async () => (daemon = await TestDaemon.start()))
after(() => daemon[Symbol.asyncDispose]())

const set = (config: Record<string, string>) => daemon.ok('PATCH', '/1.0', { body: { config } })

async function until(holds: () => Promise<boolean>): Promise<void> {
  for (let tries = 0; !(await holds()); tries++) {
    assert.ok(tries < 200, 'it did not come to be')
    await sleep(20)
  }
}

test('nothing listens for remote clients until it is asked for, and nothing once it is unset', async () => {
  assert.deepEqual((await daemon.ok('GET', '/1.0')).environment.addresses, [])
  const port = await freePort()
  await set({ 'core.https_address': `127.0.0.1:${port}` })
  assert.deepEqual((await daemon.ok('GET', '/1.0')).environment.addresses, [`127.0.0.1:${port}`])
  assert.equal((await callHttps({ port })).status, 200)
  await set({ 'core.https_address': '' })
  await assert.rejects(callHttps({ port }), /ECONNREFUSED/)
  assert.deepEqual((await daemon.ok('GET', '/1.0')).environment.addresses, [])
})

test('a stranger is told what the server is, and nothing more, with or without a certificate', async () => {
  const port = await freePort()
  await set({ 'core.https_address': `127.0.0.1:${port}` })
  const pair = clientCertificate()
  for (const tls of [{}, { cert: pair.certificate, key: pair.key }]) {
    const { body } = await callHttps({ port, tls })
    assert.deepEqual(Object.keys(body.metadata).toSorted(), [
      'api_extensions',
      'api_status',
      'api_version',
      'auth',
      'auth_methods',
      'public',
    ])
    assert.equal(body.metadata.auth, 'untrusted')
    const refused = await callHttps({ port, path: '/1.0/instances', tls })
    assert.equal(refused.status, 403)
    assert.equal(refused.body.error, 'not authorized')
  }
})

test('an address that can not be bound is refused; the old one stays, in the configuration and in truth', async () => {
  const port = await freePort()
  await set({ 'core.https_address': `127.0.0.1:${port}` })
  const taken = createServer().listen(0, '127.0.0.1')
  await once(taken, 'listening')
  const other = (taken.address() as { port: number }).port
  for (const [address, message] of [
    [`127.0.0.1:${other}`, /"core.https_address".*Cannot listen on "127.0.0.1:\d+".*EADDRINUSE/],
    ['192.0.2.1:8443', /Cannot listen on "192.0.2.1:8443".*EADDRNOTAVAIL/],
    ['nonsense:x', /"core.https_address": Invalid address "nonsense:x": expected host\[:port\]/],
    // The same port on another address, which is not there: the old listener has to make way and come back.
    [`192.0.2.1:${port}`, /Cannot listen/],
  ] as const) {
    const { status, error } = await daemon.refused('PATCH', '/1.0', {
      body: { config: { 'core.https_address': address, 'user.x': 'y' } },
    })
    assert.equal(status, 400, error)
    assert.match(error, message)
    assert.deepEqual((await daemon.ok('GET', '/1.0')).config, { 'core.https_address': `127.0.0.1:${port}` })
    assert.equal((await callHttps({ port })).status, 200, address)
  }
  taken.close()
})

test('a wider address on the same port takes over from a narrower one', async () => {
  const port = await freePort()
  await set({ 'core.https_address': `127.0.0.1:${port}` })
  await set({ 'core.https_address': `:${port}` })
  assert.equal((await callHttps({ port, host: '127.0.0.2' })).status, 200)
  await set({ 'core.https_address': `127.0.0.1:${port}` })
  await assert.rejects(callHttps({ port, host: '127.0.0.2' }), /ECONNREFUSED/)
})

test('TLS below 1.3 is refused, and spoken once it is asked for', async () => {
  const port = await freePort()
  await set({ 'core.https_address': `127.0.0.1:${port}` })
  const old = { port, tls: { maxVersion: 'TLSv1.2' } } as const
  await assert.rejects(callHttps(old), /alert protocol version/)
  await set({ 'core.https_tls_min_version': '1.2' })
  assert.equal((await callHttps(old)).status, 200)
  await assert.rejects(
    callHttps({ port, tls: { minVersion: 'TLSv1', maxVersion: 'TLSv1.1', ciphers: 'DEFAULT@SECLEVEL=0' } }),
  )
  await set({ 'core.https_tls_min_version': '' })
  await assert.rejects(callHttps(old), /alert protocol version/)
})

test('a daemon that can not listen at its address starts without it', async () => {
  const port = await freePort()
  await set({ 'core.https_address': `127.0.0.1:${port}` })
  await daemon.close()
  const taken = createServer().listen(port, '127.0.0.1')
  await once(taken, 'listening')
  await daemon.open()
  const { config, environment } = await daemon.ok('GET', '/1.0')
  assert.equal(config['core.https_address'], `127.0.0.1:${port}`)
  assert.deepEqual(environment.addresses, [])
  taken.close()
})

test('listening on every address raises a warning that goes when one is named', async () => {
  const port = await freePort()
  const open = async () => {
    const all = await daemon.ok('GET', '/1.0/warnings?recursion=1')
    return all.filter(
      (one: { type: string; status: string }) => one.type.startsWith('API') && one.status !== 'resolved',
    )
  }
  await set({ 'core.https_address': `:${port}` })
  await until(async () => (await open()).length === 1)
  assert.match((await open())[0].last_message, /Set it to the single address/)
  await set({ 'core.https_address': `127.0.0.1:${port}` })
  await until(async () => (await open()).length === 0)
})

const admin = clientCertificate('admin')
const tls = { cert: admin.certificate, key: admin.key, rejectUnauthorized: false }

test('running requests and websockets stay on the listener that is given up', async () => {
  const certificate = new X509Certificate(admin.certificate).raw.toString('base64')
  await daemon.ok('POST', '/1.0/certificates', { body: { type: 'client', name: 'admin', certificate } })
  const port = await freePort()
  await set({ 'core.https_address': `127.0.0.1:${port}` })

  const events = new WebSocket(`wss://127.0.0.1:${port}/1.0/events?type=lifecycle`, tls)
  await once(events, 'open')
  const idle = connect({ host: '127.0.0.1', port, ...tls })
  await once(idle, 'secureConnect')
  const sent = request({ host: '127.0.0.1', port, path: '/1.0', method: 'PATCH', agent: false, ...tls })
  sent.write('{"config": {')
  // Nothing tells when the daemon has begun to read.
  await sleep(100)

  const ended = once(idle.resume(), 'close')
  await set({ 'core.https_address': `127.0.0.1:${await freePort()}` })
  await ended
  await assert.rejects(callHttps({ port }), /ECONNREFUSED/)

  const heard = once(events, 'message')
  sent.end('"user.late": "yes"}}')
  const [response] = (await once(sent, 'response')) as [IncomingMessage]
  response.resume()
  assert.equal(response.statusCode, 200)
  assert.equal(response.headers.connection, 'close')
  assert.match(String((await heard)[0]), /config-updated/)
  assert.equal((await daemon.ok('GET', '/1.0')).config['user.late'], 'yes')
  events.terminate()
})

test("a certificate that was put in place of the server's is shown once the daemon is told; a broken one is not", async () => {
  const port = await freePort()
  await set({ 'core.https_address': `127.0.0.1:${port}` })
  const shown = async () => {
    const socket = connect({ host: '127.0.0.1', port, rejectUnauthorized: false })
    await once(socket, 'secureConnect')
    const { fingerprint256 } = socket.getPeerCertificate()
    socket.destroy()
    return fingerprint256.replaceAll(':', '').toLowerCase()
  }
  const told = async () => (await daemon.ok('GET', '/1.0')).environment.certificate_fingerprint
  const first = await shown()
  assert.equal(await told(), first)

  const made = makeCertificate({
    organization: 'o',
    commonName: 'c',
    hosts: ['lxd.example.org'],
    usage: 'server',
    validFrom: new Date(Date.now() - 60_000),
    years: 1,
  })
  const page = { Host: `lxd.example.org:${port}`, Origin: `https://lxd.example.org:${port}` }
  assert.equal((await callHttps({ port, headers: page })).status, 403)
  writeFileSync(join(daemon.directory, 'server.crt'), made.certificate)
  await daemon.daemon.reload()
  assert.deepEqual([await shown(), await told()], [first, first])

  writeFileSync(join(daemon.directory, 'server.key'), made.key)
  await daemon.daemon.reload()
  const second = new X509Certificate(made.certificate).fingerprint256.replaceAll(':', '').toLowerCase()
  assert.deepEqual([await shown(), await told()], [second, second])
  // The names it is for are names of this server.
  assert.equal((await callHttps({ port, headers: page })).status, 200)
})
