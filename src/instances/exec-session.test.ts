import assert from 'node:assert/strict'
import { once } from 'node:events'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { test } from 'node:test'
import { WebSocket, WebSocketServer } from 'ws'
import { FakeRuntime } from '#lxc/fake-runtime.ts'
import type { FakeCommand } from '#lxc/fake-runtime.ts'
import type { ExecOptions } from '#lxc/runtime.ts'
import { ExecSession } from './exec-session.ts'

type Streams = ExecOptions['streams']

async function open(
  words: readonly string[],
  streams: Streams = 'pipes',
  programs: Record<string, (command: FakeCommand) => Promise<number> | number> = {},
) {
  const runtime = new FakeRuntime({ programs })
  await runtime.start({ name: 'c1', config: [] })
  const exec = { name: 'c1', command: words, env: {}, uid: 0, gid: 0, cwd: '/', streams }
  const session = new ExecSession({
    terminal: streams !== 'pipes',
    start: () => runtime.exec(exec),
    connectWithin: 500,
  })

  const server = createServer().listen(0, '127.0.0.1')
  const websockets = new WebSocketServer({ noServer: true })
  server.on('upgrade', (request, socket, head) => {
    const accept = session.accept(new URL(request.url ?? '', 'http://x').searchParams.get('secret') ?? '')
    websockets.handleUpgrade(request, socket, head, accept)
  })
  await once(server, 'listening')
  const { port } = server.address() as AddressInfo
  const received: Record<string, string> = {}
  const ended: Record<string, boolean> = {}
  const closed: Promise<unknown>[] = []
  const connect = async (channel: '0' | '1' | '2' | 'control') => {
    const socket = new WebSocket(`ws://127.0.0.1:${port}/?secret=${session.secrets[channel]}`)
    socket.on('message', (data: Buffer, binary) => {
      if (binary) received[channel] = (received[channel] ?? '') + data.toString()
      else ended[channel] = true
    })
    closed.push(once(socket, 'close'))
    await once(socket, 'open')
    return socket
  }
  return {
    session,
    connect,
    received,
    ended,
    closed: () => Promise.all(closed),
    [Symbol.dispose]: () => server.close().closeAllConnections(),
  }
}

test('the streams of a command are websockets, and an empty text ends each', async () => {
  using opened = await open(['cat'])
  const code = opened.session.run()
  const [input] = [
    await opened.connect('0'),
    await opened.connect('1'),
    await opened.connect('2'),
    await opened.connect('control'),
  ]
  input.send(Buffer.from('hello '))
  input.send(Buffer.from('there'))
  input.send('')
  assert.equal(await code, 0)
  await opened.closed()
  assert.deepEqual(opened.received, { 1: 'hello there' })
  assert.deepEqual(opened.ended, { 1: true, 2: true })
})

test('the command starts when the streams are there, the control channel is for who wants it', async () => {
  using opened = await open(['warn', 'oh'])
  const code = opened.session.run()
  await opened.connect('0')
  await opened.connect('1')
  await opened.connect('2')
  assert.equal(await code, 0)
  await opened.closed()
  assert.deepEqual(opened.received, { 2: 'oh\n' })
})

test('a terminal has one websocket for both directions, and takes window sizes', async () => {
  using opened = await open(['sleep'], { width: 80, height: 25 })
  assert.deepEqual(Object.keys(opened.session.secrets), ['0', 'control'])
  const code = opened.session.run()
  const control = await opened.connect('control')
  control.send(JSON.stringify({ command: 'window-resize', args: { width: '100', height: '30' } }))
  await opened.connect('0')
  for (const odd of ['nonsense', '{}', '{"command":"window-resize","args":{"width":"-1","height":"x"}}', '[]'])
    control.send(odd)
  control.send(JSON.stringify({ command: 'signal', signal: 15 }))
  assert.equal(await code, 143)
  await opened.closed()
  assert.deepEqual(opened.received, { 0: '100x30\n' })
})

test('a secret is good for one websocket, and no other is', async () => {
  using opened = await open(['true'])
  const secret = opened.session.secrets[0] ?? ''
  assert.match(secret, /^[0-9a-f]{64}$/)
  for (const wrong of ['', secret.slice(1), `${secret}0`, secret.replace(/^./, 'x')]) {
    assert.throws(() => opened.session.accept(wrong), /the secret is wrong/)
  }
  opened.session.accept(secret)
  assert.throws(() => opened.session.accept(secret), /the secret is wrong/)
})

test('a client that does not connect ends the command before it starts', async () => {
  using opened = await open(['true'])
  await opened.connect('0').then(() => {})
  await assert.rejects(opened.session.run(), /did not connect/)
  await opened.closed()
})

test('a command whose client breaks off is hung up', async () => {
  for (const channel of ['1', 'control'] as const) {
    using opened = await open(['sleep'])
    const code = opened.session.run()
    const sockets = {
      0: await opened.connect('0'),
      control: await opened.connect('control'),
      1: await opened.connect('1'),
    }
    await opened.connect('2')
    await new Promise((resolve) => setTimeout(resolve, 20))
    sockets[channel].terminate()
    assert.equal(await code, 129)
  }
})

test('a client that closes its control channel in good order leaves the command alone', async () => {
  using opened = await open(['cat'])
  const code = opened.session.run()
  const control = await opened.connect('control')
  const input = await opened.connect('0')
  await opened.connect('1')
  await opened.connect('2')
  control.close(1000)
  await once(control, 'close')
  input.send(Buffer.from('still here'))
  input.close(1000)
  assert.equal(await code, 0)
  await opened.closed()
  assert.deepEqual(opened.received, { 1: 'still here' })
})

test('a slow reader holds back the command and not the memory', async () => {
  let written = 0
  const flood = async ({ write }: FakeCommand): Promise<number> => {
    for (; written < 400; written++) await write('x'.repeat(1 << 16))
    return 0
  }
  using opened = await open(['flood'], 'pipes', { flood })
  const code = opened.session.run()
  await opened.connect('0')
  const output = await opened.connect('1')
  output.pause()
  await opened.connect('2')
  await new Promise((resolve) => setTimeout(resolve, 300))
  const heldBackAt = written
  output.resume()
  assert.equal(await code, 0)
  await opened.closed()
  assert.equal(opened.received['1']?.length, 400 << 16)
  assert.ok(heldBackAt < 200, `${heldBackAt} of 400 blocks written`)
})

test('a control websocket that comes when a short command is over is closed, not refused, and only once', async () => {
  using opened = await open(['true'])
  const code = opened.session.run()
  for (const channel of ['0', '1', '2'] as const) await opened.connect(channel)
  assert.equal(await code, 0)

  const late = await opened.connect('control')
  const [closing] = (await once(late, 'close')) as [number]
  assert.equal(closing, 1000)
  assert.throws(() => opened.session.accept(opened.session.secrets.control ?? ''), /wrong, or was used/)
})
