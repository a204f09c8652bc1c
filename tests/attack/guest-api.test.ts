import assert from 'node:assert/strict'
import { connect } from 'node:net'
import type { Socket } from 'node:net'
import { request } from 'node:http'
import { text } from 'node:stream/consumers'
import { after, before, test } from 'node:test'
import { WebSocket } from 'ws'
import { imageFile } from '../image.ts'
import { ok, RealDaemon, stockLxc } from '../real-daemon.ts'
import { enterSandbox } from '../sandbox.ts'

enterSandbox(import.meta)

const daemon = new RealDaemon()
const lxc = (...args: string[]) => ok(stockLxc(...args))

/** The socket as a process in the container reaches it: its root is the container's. */
const socketOf = (name: string) => {
  const { metadata } = JSON.parse(lxc('query', '--raw', `/1.0/instances/${name}/state`)) as {
    metadata: { pid: number }
  }
  return `/proc/${metadata.pid}/root/dev/lxd/sock`
}

async function ask(socketPath: string, path: string): Promise<{ readonly status: number; readonly body: string }> {
  const { promise, resolve, reject } = Promise.withResolvers<{ status: number; body: string }>()
  request({ socketPath, path, agent: false }, (response) => {
    text(response).then((body) => resolve({ status: response.statusCode ?? 0, body }), reject)
  })
    .on('error', reject)
    .end()
  return await promise
}

before(async () => {
  await daemon.start()
  lxc('storage', 'create', 'default', 'overlay')
  lxc('profile', 'device', 'add', 'default', 'root', 'disk', 'path=/', 'pool=default')
  lxc('image', 'import', imageFile('busybox'), '--alias', 'busybox')
  lxc('launch', 'busybox', 'one', '-c', 'user.secret=of-one')
  lxc('launch', 'busybox', 'two', '-c', 'user.secret=of-two')
  lxc('launch', 'busybox', 'privileged', '-c', 'security.privileged=true')
  lxc('launch', 'busybox', 'none', '-c', 'security.devlxd=false')
})
after(() => daemon.end('SIGKILL'))

test('each container is told of itself by its own socket', async () => {
  for (const [name, secret] of [
    ['one', 'of-one'],
    ['two', 'of-two'],
  ] as const) {
    assert.deepEqual(await ask(socketOf(name), '/1.0/config/user.secret'), { status: 200, body: secret })
    assert.match((await ask(socketOf(name), '/1.0/meta-data')).body, new RegExp(`local-hostname: ${name}\n`))
  }
  assert.equal(stockLxc('exec', 'none', '--', 'ls', '/dev/lxd').code, 1)
})

test('nothing in a container leads to the socket of another, or names it', () => {
  const inside = (name: string, command: string) => lxc('exec', name, '--', 'sh', '-c', command)
  assert.equal(inside('one', 'ls /dev/lxd').trim(), 'sock')
  // The control: its own mount is there to be read.
  assert.match(inside('one', 'cat /proc/self/mountinfo'), /\/dev\/lxd /)
  assert.doesNotMatch(inside('one', 'cat /proc/self/mountinfo /proc/net/unix'), /two|privileged/)
  assert.doesNotMatch(inside('two', 'cat /proc/self/mountinfo'), /\bone\b/)
})

test('not even root of the host inside can take the socket away or put another in its place', async () => {
  for (const name of ['one', 'privileged']) {
    const tried = stockLxc('exec', name, '--', 'sh', '-c', 'rm /dev/lxd/sock || touch /dev/lxd/other')
    assert.match(tried.stderr, /Read-only file system|Permission denied/)
    assert.equal((await ask(socketOf(name), '/1.0')).status, 200)
  }
})

test('a guest that holds connections, sends nonsense or never reads disturbs nobody else', async () => {
  const path = socketOf('one')
  const open: Socket[] = []
  for (let count = 0; count < 200; count++) open.push(connect(path).on('error', () => {}))
  for (const socket of open) socket.write('GET /1.0 HTTP/1.1\r\nX: ')
  connect(path)
    .on('error', () => {})
    .end('\0\r\n\r\nGET /1.0 HTTP/9.9\r\n\r\n')
  assert.equal((await ask(socketOf('two'), '/1.0')).status, 200)
  assert.equal(lxc('exec', 'two', '--', 'echo', 'well'), 'well\n')
  for (const socket of open) socket.destroy()
  let status = 0
  for (let tries = 0; status !== 200 && tries < 50; tries++) {
    status = (await ask(path, '/1.0').catch(() => ({ status: 0 }))).status
  }
  assert.equal(status, 200)
})

test('the socket answers after the daemon was killed and started again, and changes are told', async () => {
  const path = socketOf('one')
  await daemon.end('SIGKILL')
  await daemon.start()
  assert.equal((await ask(path, '/1.0/config/user.secret')).body, 'of-one')

  const socket = new WebSocket(`ws+unix://${path}:/1.0/events?type=config`)
  const heard = Promise.withResolvers<string>()
  socket.on('message', (data: Buffer) => heard.resolve(data.toString())).on('error', heard.reject)
  await new Promise((resolve) => socket.once('open', resolve))
  lxc('config', 'set', 'one', 'user.secret', 'changed')
  const event = JSON.parse(await heard.promise) as { type: string; metadata: object }
  assert.deepEqual(event.metadata, { key: 'user.secret', old_value: 'of-one', value: 'changed' })
  socket.terminate()
})
