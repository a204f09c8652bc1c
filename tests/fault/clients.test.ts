import assert from 'node:assert/strict'
import { randomBytes } from 'node:crypto'
import { readFileSync, readdirSync } from 'node:fs'
import { once } from 'node:events'
import { connect } from 'node:net'
import { after, before, test } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { WebSocket } from 'ws'
import { imageFile } from '../image.ts'
import { call, finish, socketPath } from '../local-api.ts'
import { ok, RealDaemon, runProgram, stockLxc, stockLxcLater } from '../real-daemon.ts'
import { enterSandbox } from '../sandbox.ts'

enterSandbox(import.meta)

const daemon = new RealDaemon()
const lxc = (...args: readonly string[]): string => ok(stockLxc(...args))

/** Resident memory of the daemon, in MiB. */
function memory(): number {
  const rss = /^VmRSS:\s+(\d+) kB$/m.exec(readFileSync(`/proc/${daemon.pid}/status`, 'utf8'))?.[1]
  return Number(rss) / 1024
}

function traces(): Record<string, unknown> {
  const count = (path: string) => readdirSync(path).filter((name) => !name.startsWith('.')).length
  return {
    links: readdirSync('/sys/class/net').filter((name) => name.startsWith('veth')),
    mounts: readFileSync('/proc/self/mountinfo', 'utf8')
      .split('\n')
      .filter((line) => line.includes('/containers/')),
    containers: count('/var/lib/lxd/containers'),
    volumes: count('/var/lib/lxd/storage-pools/default/containers'),
    logs: count('/var/lib/lxd/logs'),
    hosts: readdirSync('/var/lib/lxd/networks/lxdbr0/dnsmasq.hosts'),
    cgroups: readdirSync('/sys/fs/cgroup/memory').filter((name) => name.startsWith('lxc.payload')),
  }
}

async function until(what: string, so: () => boolean | Promise<boolean>): Promise<void> {
  for (let tries = 0; !(await so()); tries++) {
    assert.ok(tries < 200, `${what}: never so`)
    await sleep(50)
  }
}

/** Waits until all operations are over. */
const settled = () =>
  until('the operations are over', async () => {
    const { metadata } = await call('GET', '/1.0/operations')
    return !Object.keys(metadata as object).some((status) => status === 'running')
  })

/** A request that the server has answered, or is about to, when its client goes away. */
async function hangUp(lines: readonly string[], body: Buffer, delay: number): Promise<void> {
  const socket = connect(socketPath)
  socket.on('error', () => {})
  await once(socket, 'connect')
  socket.write(`${lines.join('\r\n')}\r\nHost: lxd\r\n\r\n`)
  socket.write(body)
  await sleep(delay)
  socket.destroy()
}

let clean: Record<string, unknown>

before(async () => {
  await daemon.start()
  ok(runProgram(new URL('../../bin/lxd', import.meta.url).pathname, ['init', '--auto']))
  lxc('image', 'import', imageFile('busybox'), '--alias', 'busybox')
  lxc('launch', 'busybox', 'first')
  lxc('delete', '-f', 'first')
  clean = traces()
})
after(() => daemon.end('SIGTERM'))

test('thirty launches, eight at a time, and as many deletions', async () => {
  const names = Array.from({ length: 30 }, (_, index) => `c${index}`)
  const waiting = [...names]
  const worker = async () => {
    for (let name = waiting.shift(); name; name = waiting.shift())
      assert.equal((await stockLxcLater('launch', 'busybox', name)).code, 0, name)
  }
  await Promise.all(Array.from({ length: 8 }, worker))
  const listed = lxc('list', '--format=csv', '-c', 'ns').trim().split('\n')
  assert.equal(listed.length, 30)
  for (const line of listed) assert.match(line, /^c\d+,RUNNING$/)
  assert.equal(new Set(traces()['links'] as string[]).size, 30)
  const deleted = await stockLxcLater('delete', '-f', ...names)
  assert.equal(deleted.stderr, '')
  assert.deepEqual(traces(), clean)
})

test('clients that create, start, stop and delete one instance at once get answers, and it stays whole', async () => {
  const source = { type: 'image', alias: 'busybox' }
  const one = '/1.0/instances/one'
  const acts = [
    () => finish('POST', '/1.0/instances', { name: 'one', source }),
    () => finish('PUT', `${one}/state`, { action: 'start' }),
    () => finish('PUT', `${one}/state`, { action: 'stop', force: true }),
    () => finish('PUT', `${one}/state`, { action: 'restart', force: true }),
    () => finish('PATCH', one, { config: { 'user.a': String(Math.random()) } }),
    () => finish('DELETE', one),
    () => finish('POST', one, { name: 'two' }),
    () => finish('POST', '/1.0/instances/two', { name: 'one' }),
    () => finish('PUT', `${one}/state`, { action: 'freeze' }),
    () => finish('PUT', `${one}/state`, { action: 'unfreeze' }),
  ]
  const errors = new Set<string>()
  let seed = 7
  const random = (below: number) => (seed = (seed * 1_103_515_245 + 12_345) % 2 ** 31) % below
  const client = async () => {
    for (let turn = 0; turn < 25; turn++) errors.add(await (acts[random(acts.length)] as () => Promise<string>)())
  }
  await Promise.all(Array.from({ length: 8 }, client))
  for (const error of errors) {
    assert.match(
      error,
      /^$|not found|already exists|already in use|already running|already stopped|not running|running instance|is running|frozen|is busy|ETag|being/i,
    )
  }
  for (const name of ['one', 'two']) {
    await finish('PUT', `/1.0/instances/${name}/state`, { action: 'unfreeze' })
    await finish('PUT', `/1.0/instances/${name}/state`, { action: 'stop', force: true })
    await finish('DELETE', `/1.0/instances/${name}`)
  }
  assert.deepEqual(traces(), clean)
})

test('a configuration that changes while an instance starts, or one deleted then, is whole afterwards', async () => {
  for (let round = 0; round < 5; round++) {
    assert.equal(
      await finish('POST', '/1.0/instances', { name: 'one', source: { type: 'image', alias: 'busybox' } }),
      '',
    )
    const [started, changed, deleted] = await Promise.all([
      finish('PUT', '/1.0/instances/one/state', { action: 'start' }),
      finish('PATCH', '/1.0/instances/one', { config: { 'limits.memory': '64MiB' } }),
      round % 2 ? finish('DELETE', '/1.0/instances/one') : undefined,
    ])
    assert.equal(started === '' || /not found/i.test(started), true, started)
    assert.equal(changed === '' || /not found/i.test(changed), true, changed)
    assert.match(deleted ?? '', /^$|is running/)
    if (/^(?!$)/.test(deleted ?? '') || deleted === undefined) {
      assert.equal(lxc('exec', 'one', '--', 'hostname'), 'one\n')
      assert.equal(lxc('config', 'get', 'one', 'limits.memory'), '64MiB\n')
      lxc('delete', '-f', 'one')
    }
    assert.deepEqual(traces(), clean, `round ${round}`)
  }
})

test('a client that goes away in the middle leaves nothing behind, and no operation waits for it', async () => {
  const json = Buffer.from(JSON.stringify({ name: 'gone', source: { type: 'image', alias: 'busybox' } }))
  await hangUp(['POST /1.0/instances HTTP/1.1', `Content-Length: ${json.length}`], json, 0)
  await hangUp(['POST /1.0/instances HTTP/1.1', `Content-Length: 1000`], json, 20)
  await hangUp(['POST /1.0/images HTTP/1.1', `Content-Length: 100000000`], randomBytes(3 << 20), 100)
  await hangUp(['GET /1.0/operations/x/wait HTTP/1.1'], Buffer.alloc(0), 20)
  await settled()
  await finish('DELETE', '/1.0/instances/gone')
  await until('all of it is gone', async () => {
    await finish('DELETE', '/1.0/instances/gone')
    return readdirSync('/var/lib/lxd/images').length === 1
  })
  assert.deepEqual(traces(), clean)
})

interface Exec {
  readonly id: string
  readonly metadata: { readonly fds: Readonly<Record<string, string>> }
}

async function exec(
  command: readonly string[],
  environment = {},
): Promise<{ operation: string; sockets: Record<string, WebSocket> }> {
  const { metadata, operation } = await call('POST', '/1.0/instances/one/exec', {
    command,
    environment,
    'wait-for-websocket': true,
    interactive: false,
  })
  const { fds } = (metadata as Exec).metadata
  const sockets: Record<string, WebSocket> = {}
  for (const [channel, secret] of Object.entries(fds)) {
    const socket = new WebSocket(`ws+unix://${socketPath}:${operation}/websocket?secret=${secret}`)
    socket.on('error', () => {})
    await once(socket, 'open')
    sockets[channel] = socket
  }
  return { operation, sockets }
}

test('commands whose clients go away or never read end or wait, and hold up nothing else', async () => {
  lxc('launch', 'busybox', 'one')
  const running = () => runProgram('pgrep', ['-x', 'yes']).stdout.trim().split('\n').filter(Boolean)
  const flood = await exec(['yes'])
  for (const socket of Object.values(flood.sockets)) socket.pause()
  const before = memory()
  await sleep(2000)
  assert.ok(memory() - before < 40, `${memory() - before} MiB more`)
  assert.equal(running().length, 1)
  assert.equal(lxc('exec', 'one', '--', 'hostname'), 'one\n')
  for (const socket of Object.values(flood.sockets)) socket.terminate()
  await until('the command has ended', () => running().length === 0)

  // Nobody ever comes for these.
  const { operation } = await call('POST', '/1.0/instances/one/exec', { command: ['yes'], 'wait-for-websocket': true })
  assert.notEqual(operation, '')
  const half = await exec(['cat'])
  half.sockets['0']?.send(randomBytes(1 << 20))
  half.sockets['1']?.terminate()
  await sleep(200)
  for (const socket of Object.values(half.sockets)) socket.terminate()
  await until('cat has ended', () => runProgram('pgrep', ['-x', 'cat']).stdout === '')
  assert.equal(running().length, 0)
  lxc('delete', '-f', 'one')
})

test('a client of events that never reads is let go, and its backlog with it', async () => {
  lxc('launch', 'busybox', 'one')
  const socket = new WebSocket(`ws+unix://${socketPath}:/1.0/events`)
  const closed = once(socket, 'close')
  await once(socket, 'open')
  socket.pause()
  const before = memory()
  let most = 0
  for (let turn = 0; turn < 150; turn++) {
    // Its environment is told of in events.
    const { operation, sockets } = await exec(['true'], { A: 'x'.repeat(100_000) })
    for (const one of Object.values(sockets)) one.terminate()
    await call('GET', `${operation}/wait`)
    most = Math.max(most, memory())
  }
  assert.ok(most - before < 120, `${most - before} MiB more`)
  assert.equal(lxc('exec', 'one', '--', 'hostname'), 'one\n')
  socket.resume()
  assert.equal((await closed)[0], 1006)
  lxc('delete', '-f', 'one')
  assert.deepEqual(traces(), clean)
})
