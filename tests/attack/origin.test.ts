import assert from 'node:assert/strict'
import { once } from 'node:events'
import type { IncomingMessage } from 'node:http'
import { request } from 'node:https'
import { join } from 'node:path'
import { after, before, beforeEach, test } from 'node:test'
import { WebSocket } from 'ws'
import { TestDaemon } from '../api/daemon.ts'
import { callHttps, freePort } from '../api/https.ts'

// A browser does what any page tells it to, with its user's certificate. The attacker's page is at evil.example.

let daemon: TestDaemon
let port = 0
before(async () => {
  daemon = await TestDaemon.start()
  port = await freePort()
})
after(() => daemon[Symbol.asyncDispose]())
beforeEach(() => set({ 'core.https_address': `127.0.0.1:${port}`, 'core.https_allowed_origin': '' }))

const set = (config: Record<string, string>) => daemon.ok('PATCH', '/1.0', { body: { config } })
const evil = 'https://evil.example'

test('a foreign page gets nothing, whatever it asks for and by whichever method', async () => {
  for (const method of ['GET', 'POST', 'PUT', 'PATCH', 'DELETE', 'OPTIONS', 'HEAD']) {
    for (const path of ['/', '/1.0', '/1.0/instances', '/1.0/nothing']) {
      const { status, headers, body } = await callHttps({ port, method, path, headers: { Origin: evil } })
      assert.equal(status, 403, `${method} ${path}`)
      assert.equal(headers['access-control-allow-origin'], undefined)
      if (method !== 'HEAD') assert.match(body.error, /origin "https:\/\/evil.example" are not allowed/)
    }
  }
  // The control: the same page, once it is allowed.
  await set({ 'core.https_allowed_origin': evil, 'core.https_allowed_methods': 'GET' })
  const allowed = await callHttps({ port, headers: { Origin: evil } })
  assert.equal(allowed.status, 200)
  assert.equal(allowed.headers['access-control-allow-origin'], evil)
  const preflight = await callHttps({ port, method: 'OPTIONS', path: '/1.0/instances', headers: { Origin: evil } })
  assert.deepEqual([preflight.status, preflight.headers['access-control-allow-methods']], [200, 'GET'])
  assert.equal((await callHttps({ port, headers: { Origin: `${evil}.org` } })).status, 403)
})

test('a foreign page changes nothing over the Unix socket either, where its requests would be those of root', async () => {
  const body = { config: { 'core.https_address': `127.0.0.1:${port}`, 'user.hacked': 'yes' } }
  const refused = await daemon.call('PUT', '/1.0', { body, headers: { Origin: evil } })
  assert.equal(refused.status, 403)
  assert.equal((await daemon.ok('GET', '/1.0')).config['user.hacked'], undefined)
  // The control: without an origin it is a program's request, and root may do it.
  await daemon.ok('PUT', '/1.0', { body })
  assert.equal((await daemon.ok('GET', '/1.0')).config['user.hacked'], 'yes')
})

test('a page that comes from a name its author has pointed here is foreign too', async () => {
  for (const host of ['evil.example', `evil.example:${port}`, `localhost.evil.example:${port}`]) {
    const { status } = await callHttps({ port, headers: { Host: host, Origin: `https://${host}` } })
    assert.equal(status, 403, host)
  }
  // The controls: a program may call the server what it likes; a page of the server's own is none of a stranger's.
  assert.equal((await callHttps({ port, headers: { Host: 'evil.example' } })).status, 200)
  const own = `127.0.0.1:${port}`
  assert.equal((await callHttps({ port, headers: { Host: own, Origin: `https://${own}` } })).status, 200)
})

test('requests with a forged or ambiguous Host are refused', async () => {
  for (const host of ['a b', 'a, b', 'a@b', 'http://a', '[::1', 'a/../b']) {
    const { status, body } = await callHttps({ port, headers: { Host: host } })
    assert.equal(status, 400, host)
    assert.match(body.error, /Invalid "Host" header/)
  }
  const sent = request({ host: '127.0.0.1', port, path: '/1.0', rejectUnauthorized: false, agent: false })
  sent.setHeader('Host', ['localhost', 'evil.example'])
  sent.end()
  const [response] = (await once(sent, 'response')) as [IncomingMessage]
  assert.equal(response.statusCode, 400)
  response.destroy()
})

/** The status a websocket is refused with, or what its first message is. */
async function open(url: string, origin: string | undefined): Promise<number | string> {
  const socket = new WebSocket(url, { rejectUnauthorized: false, ...(origin === undefined ? {} : { origin }) })
  const { promise, resolve } = Promise.withResolvers<number | string>()
  socket.on('unexpected-response', (_request, response) => {
    response.resume()
    resolve(response.statusCode ?? 0)
  })
  socket.on('open', () => {
    resolve('open')
    socket.terminate()
  })
  socket.on('error', () => {})
  return await promise
}

test('websockets are held to it like requests', async () => {
  const local = `ws+unix:${join(daemon.directory, 'unix.socket')}:/1.0/events`
  assert.equal(await open(local, evil), 403)
  assert.equal(await open(local, undefined), 'open')
  await set({ 'core.https_allowed_origin': '*' })
  assert.equal(await open(local, evil), 'open')
  await set({ 'core.https_allowed_origin': '' })
  assert.equal(await open(`wss://127.0.0.1:${port}/1.0/events`, evil), 403)
})
