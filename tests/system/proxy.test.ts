import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { createSocket } from 'node:dgram'
import { once } from 'node:events'
import { existsSync, readFileSync, readdirSync, statSync, writeFileSync } from 'node:fs'
import { connect, createServer } from 'node:net'
import type { NetConnectOpts, Socket } from 'node:net'
import { text } from 'node:stream/consumers'
import { setTimeout as sleep } from 'node:timers/promises'
import { after, before, test } from 'node:test'
import { imageFile } from '../image.ts'
import { ok, RealDaemon, runProgram, stockLxc, stockLxcLater } from '../real-daemon.ts'
import { enterSandbox } from '../sandbox.ts'

enterSandbox(import.meta)

const daemon = new RealDaemon()
const lxc = (...args: readonly string[]): string => ok(stockLxc(...args))
const inside = (command: string): string => lxc('exec', 'c1', '--', 'sh', '-c', command).trim()
const add = (name: string, ...keys: readonly string[]): string =>
  lxc('config', 'device', 'add', 'c1', name, 'proxy', ...keys)
const remove = (name: string): string => lxc('config', 'device', 'remove', 'c1', name)

/** Servers inside: one answers with what it was told. */
function serve(): void {
  inside('ip link set lo up; setsid nc -ll -p 8080 -e cat </dev/null >/dev/null 2>&1 &')
  inside('setsid nc -ll -p 8081 -e echo other </dev/null >/dev/null 2>&1 &')
}

before(async () => {
  await daemon.start()
  ok(runProgram(new URL('../../bin/lxd', import.meta.url).pathname, ['init', '--auto']))
  lxc('image', 'import', imageFile('busybox'), '--alias', 'busybox')
  lxc('launch', 'busybox', 'c1')
  serve()
})
after(() => daemon.end('SIGKILL'))

/** What comes back for `sent`, which is followed by the end of the stream. */
async function exchange(to: NetConnectOpts, sent: string): Promise<string> {
  const socket = connect({ ...to, allowHalfOpen: true })
  socket.end(sent)
  return await text(socket)
}

function helpers(): number[] {
  return readdirSync('/proc').flatMap((pid) => {
    try {
      return readFileSync(`/proc/${pid}/cmdline`, 'utf8').includes('proxy-main.ts') ? [Number(pid)] : []
    } catch {
      return []
    }
  })
}

const field = (pid: number, name: string): string =>
  new RegExp(`^${name}:[ \\t]*(.*)$`, 'm').exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1] ?? ''

test('connections to the host reach the instance, and go on while the daemon is away', async () => {
  add('web', 'listen=tcp:127.0.0.1:8000-8001', 'connect=tcp:127.0.0.1:8080-8081')
  assert.equal(await exchange({ host: '127.0.0.1', port: 8000 }, 'hello'), 'hello')
  assert.equal(await exchange({ host: '127.0.0.1', port: 8001 }, ''), 'other\n')
  const much = 'x'.repeat(5_000_000)
  assert.ok((await exchange({ host: '127.0.0.1', port: 8000 }, much)) === much)

  const [pid = 0, ...more] = helpers()
  assert.deepEqual(more, [])
  // It is nobody, and can do nothing.
  assert.deepEqual([field(pid, 'Uid').split('\t')[0], field(pid, 'Groups').trim()], ['65534', ''])
  assert.deepEqual(
    [field(pid, 'CapEff'), field(pid, 'CapPrm'), field(pid, 'NoNewPrivs')],
    ['0'.repeat(16), '0'.repeat(16), '1'],
  )

  await daemon.end('SIGKILL')
  assert.equal(await exchange({ host: '127.0.0.1', port: 8000 }, 'still'), 'still')
  // What a crash left of a proxy that is no more goes when the daemon is back; the other stays.
  const main = new URL('../../src/guest/proxy-main.ts', import.meta.url).pathname
  const left = spawn(
    process.execPath,
    ['-e', 'setInterval(() => {}, 1e6)', main, '/var/lib/lxd/devices/c1/proxy.gone'],
    { stdio: 'ignore' },
  )
  const killed = once(left, 'exit')
  ok(runProgram('nft', ['add', 'chain', 'inet', 'lxd', `prert.proxy-${'a'.repeat(24)}`]))
  await daemon.start()
  assert.deepEqual(await killed, [null, 'SIGKILL'])
  assert.doesNotMatch(ok(runProgram('nft', ['list', 'ruleset'])), /proxy-a/)
  assert.deepEqual(helpers(), [pid])
  remove('web')
  assert.deepEqual(helpers(), [])
  await assert.rejects(exchange({ host: '127.0.0.1', port: 8000 }, 'x'), /ECONNREFUSED/)
})

test('a proxy starts with its instance, ends with it, and an instance whose proxy can not start does not', async () => {
  add('web', 'listen=tcp:127.0.0.1:8000', 'connect=tcp:127.0.0.1:8080')
  lxc('stop', '-f', 'c1')
  assert.deepEqual(helpers(), [])
  const taken = createServer().listen(8000, '127.0.0.1')
  await once(taken, 'listening')
  const { code, stderr } = await stockLxcLater('start', 'c1')
  assert.equal(code, 1)
  assert.match(stderr, /Failed to start proxy device "web".*EADDRINUSE/)
  assert.match(lxc('list', '-f', 'csv', '-c', 's'), /STOPPED/)
  assert.deepEqual(helpers(), [])
  taken.close()
  lxc('start', 'c1')
  assert.equal(helpers().length, 1)
  remove('web')
  serve()
})

test('sockets with a path or a name, both ways, with owner and mode', async () => {
  add('down', 'listen=unix:/tmp/down.sock', 'connect=tcp:127.0.0.1:8080', 'uid=1000', 'gid=1001', 'mode=0620')
  const { uid, gid, mode } = statSync('/tmp/down.sock')
  assert.deepEqual([uid, gid, mode & 0o777], [1000, 1001, 0o620])
  assert.equal(await exchange({ path: '/tmp/down.sock' }, 'by path'), 'by path')

  const server = createServer((socket: Socket) => socket.pipe(socket)).listen('/tmp/host.sock')
  await once(server, 'listening')
  add('up', 'bind=instance', 'listen=unix:/run/up.sock', 'connect=unix:/tmp/host.sock', 'uid=10', 'gid=11', 'mode=0660')
  assert.equal(inside('stat -c "%F %u:%g %a" /run/up.sock'), 'socket 10:11 660')
  // Root inside may not use that one, and neither does who connects: the client is let go of.
  add('back', 'listen=unix:@back', 'connect=unix:/run/up.sock')
  await assert.rejects(exchange({ path: '\0back' }, 'x'), /ECONNRESET/)
  lxc('config', 'device', 'set', 'c1', 'up', 'uid=0')
  assert.equal(await exchange({ path: '\0back' }, 'there and back'), 'there and back')

  // A path that is somebody's stays theirs, whatever is asked of us.
  const { code } = await stockLxcLater(
    'config',
    'device',
    'add',
    'c1',
    'grab',
    'proxy',
    'listen=unix:/tmp/host.sock',
    'connect=tcp:127.0.0.1:8080',
  )
  assert.equal(code, 1)
  assert.equal(await exchange({ path: '/tmp/host.sock' }, 'unharmed'), 'unharmed')
  writeFileSync('/tmp/file', 'text')
  assert.equal(
    stockLxc('config', 'device', 'add', 'c1', 'grab', 'proxy', 'listen=unix:/tmp/file', 'connect=tcp:127.0.0.1:8080')
      .code,
    1,
  )
  assert.equal(readFileSync('/tmp/file', 'utf8'), 'text')

  for (const name of ['back', 'up', 'down']) remove(name)
  server.close()
  assert.equal(existsSync('/tmp/down.sock'), false)
  assert.deepEqual(helpers(), [])
  assert.equal(existsSync('/var/lib/lxd/devices/c1'), false)
})

test('the server inside can be told who the client is', async () => {
  add('who', 'listen=tcp:127.0.0.1:8000', 'connect=tcp:127.0.0.1:8080', 'proxy_protocol=true')
  assert.match(
    await exchange({ host: '127.0.0.1', port: 8000 }, 'body'),
    /^PROXY TCP4 127\.0\.0\.1 127\.0\.0\.1 \d+ 8000\r\nbody$/,
  )
  remove('who')
})

test('datagrams go there, and the answers back to each sender', async () => {
  const pid = /^PID: (\d+)$/m.exec(lxc('info', 'c1'))?.[1] ?? ''
  const script = `const s = require('dgram').createSocket('udp4').bind(9000)
    s.on('message', (m, { port, address }) => s.send('re: ' + m, port, address))`
  const server = spawn('nsenter', ['-t', pid, '-n', process.execPath, '-e', script])
  add('dns', 'listen=udp:127.0.0.1:5300', 'connect=udp:127.0.0.1:9000')
  const socket = createSocket('udp4')
  let answer = ''
  socket.on('message', (message) => (answer = message.toString()))
  for (let tries = 0; answer === '' && tries < 50; tries++) {
    socket.send('ping', 5300, '127.0.0.1')
    await sleep(100)
  }
  socket.close()
  assert.equal(answer, 're: ping')
  server.kill()
  remove('dns')
})

test('a guest that puts a link where a socket is to be made moves nothing on the host', () => {
  inside('ln -sf ../../../../../../tmp/escaped.sock /run/trap.sock && mkdir -p /run/d && ln -sfn /tmp /run/dir')
  const before = readdirSync('/tmp').toSorted()
  for (const path of ['/run/trap.sock', '/run/dir/x.sock']) {
    stockLxc(
      'config',
      'device',
      'add',
      'c1',
      'trap',
      'proxy',
      'bind=instance',
      `listen=unix:${path}`,
      'connect=tcp:127.0.0.1:1',
    )
    assert.deepEqual(readdirSync('/tmp').toSorted(), before)
    stockLxc('config', 'device', 'remove', 'c1', 'trap')
    assert.deepEqual(readdirSync('/tmp').toSorted(), before)
  }
  assert.deepEqual(helpers(), [])
})

test('in NAT mode the packet filter carries connections, and its rules go with the device', async () => {
  const subnet = lxc('network', 'get', 'lxdbr0', 'ipv4.address').trim()
  const prefix = subnet.replace(/\.\d+\/.*$/, '')
  const [gateway, address] = [`${prefix}.1`, `${prefix}.77`]
  lxc('config', 'device', 'override', 'c1', 'eth0', `ipv4.address=${address}`)
  inside(`ip link set eth0 up; ip addr add ${address}/24 dev eth0`)
  const tables = () => ok(runProgram('nft', ['list', 'table', 'inet', 'lxd']))
  const without = tables()
  add('nat', `listen=tcp:${gateway}:8123`, `connect=tcp:${address}:8080`, 'nat=true')
  assert.deepEqual(helpers(), [])
  assert.equal(await exchange({ host: gateway, port: 8123 }, 'translated'), 'translated')
  remove('nat')
  assert.equal(tables(), without)
})
