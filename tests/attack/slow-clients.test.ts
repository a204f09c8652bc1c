import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { request as httpRequest } from 'node:http'
import { connect } from 'node:net'
import type { Socket } from 'node:net'
import { after, before, test } from 'node:test'
import { connect as connectTls } from 'node:tls'
import { setTimeout as sleep } from 'node:timers/promises'
import { callHttps } from '../api/https.ts'
import { ok, ourLxc, RealDaemon } from '../real-daemon.ts'
import { enterSandbox } from '../sandbox.ts'

enterSandbox(import.meta)

const port = 8443
const daemon = new RealDaemon({ group: 'lxd' })
before(async () => {
  await daemon.start()
  set('core.https_address', `127.0.0.1:${port}`)
})
after(() => daemon.end('SIGTERM'))

const set = (key: string, value: string) => ok(ourLxc('config', 'set', key, value))

/** The many clients of an attacker, at as many addresses of loopback as asked for. */
class Crowd implements Disposable {
  readonly sockets: Socket[] = []

  /** Connects `count` times and says nothing. */
  async connect(count: number, from: (index: number) => string): Promise<void> {
    for (let index = 0; index < count; index++) {
      const socket = connect({ host: '127.0.0.1', port, localAddress: from(index) })
      socket.on('error', () => {})
      this.sockets.push(socket)
      if (index % 50 === 49) await sleep(5)
    }
  }

  /** The same, through the handshake. Connections that are closed meanwhile count too. */
  async connectTls(count: number, from: (index: number) => string): Promise<void> {
    for (let done = 0; done < count; done += 20) {
      const batch = Array.from({ length: Math.min(20, count - done) }, (_, index) => secure(from(done + index)))
      for (const socket of await Promise.all(batch)) this.sockets.push(socket)
    }
  }

  get open(): number {
    return this.sockets.filter(({ destroyed }) => !destroyed).length
  }

  [Symbol.dispose](): void {
    for (const socket of this.sockets) socket.destroy()
  }
}

async function secure(from: string): Promise<Socket> {
  const raw = connect({ host: '127.0.0.1', port, localAddress: from })
  const socket = connectTls({ socket: raw, rejectUnauthorized: false })
  const { promise, resolve } = Promise.withResolvers<Socket>()
  for (const end of ['error', 'close']) {
    raw.on(end, () => resolve(socket))
    socket.on(end, () => resolve(socket))
  }
  // Reading is what shows that the other side has closed.
  socket.on('secureConnect', () => resolve(socket.resume()))
  return await promise
}

const spread = (index: number) => `127.0.${1 + (index % 10)}.1`
const single = () => '127.0.1.1'

/** The longest of a few answers, in milliseconds: over a new TLS connection each, and over the Unix socket. */
async function slowest(): Promise<number> {
  let longest = 0
  for (let tries = 0; tries < 5; tries++) {
    const started = performance.now()
    await Promise.all([callHttps({ port }), askLocally()])
    longest = Math.max(longest, performance.now() - started)
  }
  return longest
}

async function askLocally(): Promise<void> {
  const { promise, resolve, reject } = Promise.withResolvers<void>()
  const sent = httpRequest({ socketPath: '/var/lib/lxd/unix.socket', path: '/1.0', agent: false }, (response) => {
    response.resume().on('end', resolve)
  })
  sent.on('error', reject).end()
  await promise
}

function memory(): number {
  const [, kib] = /VmRSS:\s+(\d+)/.exec(readFileSync(`/proc/${daemon.pid}/status`, 'utf8')) ?? []
  return Number(kib) * 1024
}

/** How many connections the daemon has open, by the kernel's account. */
function established(): number {
  const lines = readFileSync('/proc/net/tcp', 'utf8').split('\n')
  const local = `0100007F:${port.toString(16).toUpperCase()}`
  return lines.filter((line) => line.trim().split(/\s+/)[1] === local && line.includes(' 01 ')).length
}

test('a thousand idle clients cost little memory and no time of the others', async () => {
  await slowest()
  const before = memory()
  using crowd = new Crowd()
  await crowd.connectTls(1000, spread)
  assert.ok(crowd.open >= 990, String(crowd.open))
  assert.ok((await slowest()) < 1000)
  const each = (memory() - before) / 1000
  console.log(`${Math.round(each / 1024)} KiB for each idle TLS connection`)
  assert.ok(each < 200 * 1024)
})

test('one address gets no more than its share, and the newcomer is let in', async () => {
  set('core.https_max_connections_per_address', '50')
  using crowd = new Crowd()
  await crowd.connectTls(80, single)
  await sleep(200)
  assert.ok(crowd.open <= 50, String(crowd.open))
  assert.equal((await callHttps({ port, tls: { localAddress: single() } as object })).status, 200)

  // The control: without the bound all of them stay.
  set('core.https_max_connections_per_address', '')
  using unbounded = new Crowd()
  await unbounded.connectTls(80, single)
  await sleep(200)
  assert.equal(unbounded.open, 80)
})

test('where strangers are too many, they make room for each other', async () => {
  set('core.https_max_untrusted_connections', '50')
  using crowd = new Crowd()
  await crowd.connectTls(80, spread)
  await sleep(200)
  assert.ok(crowd.open <= 50, String(crowd.open))
  assert.equal((await callHttps({ port })).status, 200)
  set('core.https_max_untrusted_connections', '')
})

test('a thousand half-open handshakes and clients that dribble keep nobody out, and are given up', async () => {
  using dribbling = new Crowd()
  await dribbling.connectTls(50, spread)
  for (const socket of dribbling.sockets) socket.write('GET / HTTP/1.1\r\nHost: lxd\r\nX: ')
  const dribble = setInterval(() => {
    for (const socket of dribbling.sockets) if (!socket.destroyed) socket.write('a')
  }, 500)
  using silent = new Crowd()
  await silent.connect(500, spread)
  using begun = new Crowd()
  await begun.connect(500, spread)
  // A record that announces 512 bytes, of which the first few come.
  for (const socket of begun.sockets) socket.write(Buffer.of(0x16, 3, 1, 2, 0, 1, 0, 1, 0xfc, 3, 3))
  assert.ok(established() >= 900, String(established()))
  assert.ok((await slowest()) < 1000)

  const deadline = Date.now() + 40_000
  while (established() > 0 && Date.now() < deadline) await sleep(200)
  clearInterval(dribble)
  assert.equal(established(), 0)
})
