import assert from 'node:assert/strict'
import { request } from 'node:http'
import { json } from 'node:stream/consumers'
import { setTimeout as sleep } from 'node:timers/promises'
import { after, before, test } from 'node:test'
import { WebSocket } from 'ws'
import { imageFile } from '../image.ts'
import { ok, ourLxc, RealDaemon, stockLxc } from '../real-daemon.ts'
import { enterSandbox } from '../sandbox.ts'

enterSandbox(import.meta)

const socketPath = '/var/lib/lxd/unix.socket'
const daemon = new RealDaemon()
const lxc = (...args: string[]) => ok(stockLxc(...args))

interface Answer {
  readonly error: string
  readonly operation: string
  readonly metadata: { readonly metadata: { readonly fds: Readonly<Record<string, string>> } }
}

async function connect(force = false): Promise<Answer> {
  const { promise, resolve, reject } = Promise.withResolvers<Answer>()
  const sent = request({ socketPath, method: 'POST', path: '/1.0/instances/c1/console', agent: false }, (response) => {
    json(response).then((answer) => resolve(answer as Answer), reject)
  })
  sent.on('error', reject).end(JSON.stringify({ width: 80, height: 24, type: 'console', force }))
  return await promise
}

/** Joins a session; `said` is what has come on the console so far. */
async function join({ operation, metadata }: Answer) {
  const open = async (secret = '') => {
    const socket = new WebSocket(`ws+unix://${socketPath}:${operation}/websocket?secret=${secret}`)
    await new Promise((resolve, reject) => socket.once('open', resolve).once('error', reject))
    return socket
  }
  const { fds } = metadata.metadata
  const [console_, control] = [await open(fds['0']), await open(fds['control'])]
  const session = { said: '', closed: false, console: console_, control }
  console_.on('message', (data: Buffer) => (session.said += data.toString()))
  console_.on('close', () => (session.closed = true))
  return session
}

async function until(holds: () => boolean): Promise<void> {
  for (let tries = 0; !holds() && tries < 500; tries++) await sleep(20)
  assert.ok(holds())
}

before(async () => {
  await daemon.start()
  lxc('storage', 'create', 'default', 'overlay')
  lxc('profile', 'device', 'add', 'default', 'root', 'disk', 'path=/', 'pool=default')
  lxc('image', 'import', imageFile('busybox'), '--alias', 'busybox')
  lxc('launch', 'busybox', 'c1')
})
after(() => daemon.end('SIGKILL'))

test('what is written to the console is in its log, for both clients, until that is cleared', () => {
  lxc('exec', 'c1', '--', 'sh', '-c', 'echo hello console > /dev/console')
  assert.match(lxc('console', 'c1', '--show-log'), /hello console/)
  assert.equal(ok(ourLxc('console', 'c1', '--show-log')), lxc('console', 'c1', '--show-log'))
  lxc('query', '-X', 'DELETE', '/1.0/instances/c1/console')
  assert.doesNotMatch(lxc('console', 'c1', '--show-log'), /hello/)
})

test('a session with the console sees what is written, types, and is the only one unless it forces', async () => {
  const first = await join(await connect())
  await until(() => {
    lxc('exec', 'c1', '--', 'sh', '-c', 'echo to the first > /dev/console')
    return first.said.includes('to the first')
  })
  assert.equal((await connect()).error, 'There is already an active console for this instance')

  const second = await join(await connect(true))
  await until(() => first.closed)
  await until(() => {
    lxc('exec', 'c1', '--', 'sh', '-c', 'echo to the second > /dev/console')
    return second.said.includes('to the second')
  })
  assert.doesNotMatch(first.said, /second/)
  // As LXD's client detaches.
  second.control.close(1000)
  await until(() => second.closed)

  // Once it has gone the console is free.
  let third = await connect()
  for (let tries = 0; third.error !== '' && tries < 100; tries++) {
    await sleep(20)
    third = await connect()
  }
  const session = await join(third)
  lxc('stop', '-f', 'c1')
  await until(() => session.closed)
  assert.match((await connect()).error, /not running/)
})
