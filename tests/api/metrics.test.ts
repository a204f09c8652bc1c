import assert from 'node:assert/strict'
import { X509Certificate } from 'node:crypto'
import { after, before, test } from 'node:test'
import { WebSocket } from 'ws'
import { TestDaemon } from './daemon.ts'
import { callHttps, clientCertificate, freePort } from './https.ts'

let daemon: TestDaemon
let port = 0
const scraper = clientCertificate('prometheus')
before(async () => {
  daemon = await TestDaemon.start()
  port = await freePort()
  await set({ 'core.metrics_address': `127.0.0.1:${port}` })
  const certificate = new X509Certificate(scraper.certificate).raw.toString('base64')
  await daemon.ok('POST', '/1.0/certificates', { body: { type: 'metrics', name: 'prometheus', certificate } })
})
after(() => daemon[Symbol.asyncDispose]())

const set = (config: Record<string, string>) => daemon.ok('PATCH', '/1.0', { body: { config } })
const path = '/1.0/metrics'
const tls = { cert: scraper.certificate, key: scraper.key }

test('metrics are text, for administrators and certificates for metrics', async () => {
  const local = await daemon.call('GET', path)
  assert.deepEqual([local.status, local.headers['content-type'], local.body], [200, 'text/plain', '# EOF\n'])
  assert.equal((await callHttps({ port, path, tls })).body, '# EOF\n')
  const refused = await callHttps({ port, path })
  assert.deepEqual([refused.status, refused.body.error], [403, 'not authorized'])
})

test('the address for metrics answers nothing else, whoever asks', async () => {
  for (const other of [
    '/',
    '/1.0',
    '/1.0/instances',
    '/1.0/metrics/',
    '/1.0/metrics/x',
    '//1.0/metrics',
    '/internal/ready',
  ]) {
    assert.equal((await callHttps({ port, path: other, tls })).status, 404, other)
  }
  assert.equal((await callHttps({ port, path, method: 'PUT', tls })).status, 501)
  const socket = new WebSocket(`wss://127.0.0.1:${port}/1.0/events`, { rejectUnauthorized: false })
  socket.on('error', () => {})
  const status = await new Promise((resolve) => {
    socket.on('unexpected-response', (_request, response) => resolve(response.statusCode))
  })
  assert.equal(status, 404)
  // It is none of the addresses of the API.
  assert.deepEqual((await daemon.ok('GET', '/1.0')).environment.addresses, [])
})

test('without authentication metrics are for everyone, and nothing else is', async () => {
  const api = await freePort()
  await set({ 'core.metrics_authentication': 'false', 'core.https_address': `127.0.0.1:${api}` })
  assert.equal((await callHttps({ port, path })).body, '# EOF\n')
  assert.equal((await callHttps({ port: api, path: `${path}?project=default` })).status, 200)
  assert.equal((await callHttps({ port: api, path: '/1.0/instances' })).status, 403)
  assert.equal((await callHttps({ port: api, path: '/1.0/resources' })).status, 403)
  await set({ 'core.metrics_authentication': '' })
  assert.equal((await callHttps({ port, path })).status, 403)
})

test('of two addresses that are set at once, both are listened on or none', async () => {
  const [first, second] = [await freePort(), await freePort()]
  const { error } = await daemon.refused('PATCH', '/1.0', {
    body: { config: { 'core.https_address': `127.0.0.1:${first}`, 'core.metrics_address': `127.0.0.1:${first}` } },
  })
  assert.match(error, /"core.metrics_address": Cannot listen/)
  await assert.rejects(callHttps({ port: first }), /ECONNREFUSED/)
  assert.equal((await callHttps({ port, path, tls })).status, 200)
  await set({ 'core.https_address': `127.0.0.1:${first}`, 'core.metrics_address': `127.0.0.1:${second}` })
  assert.equal((await callHttps({ port: first })).status, 200)
  assert.equal((await callHttps({ port: second, path, tls })).status, 200)
  await set({ 'core.metrics_address': `127.0.0.1:${port}` })
})
