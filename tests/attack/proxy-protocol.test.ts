import assert from 'node:assert/strict'
import { once } from 'node:events'
import { connect } from 'node:net'
import type { Socket } from 'node:net'
import { after, before, beforeEach, test } from 'node:test'
import { connect as connectTls } from 'node:tls'
import type { TLSSocket } from 'node:tls'
import { setTimeout as sleep } from 'node:timers/promises'
import { TestDaemon } from '../api/daemon.ts'
import { callHttps, freePort } from '../api/https.ts'

let daemon: TestDaemon
let port = 0
before(async () => {
  daemon = await TestDaemon.start()
  port = await freePort()
  await set({ 'core.https_address': `:${port}` })
})
after(() => daemon[Symbol.asyncDispose]())
beforeEach(() => set({ 'core.https_trusted_proxy': '' }))

const set = (config: Record<string, string>) => daemon.ok('PATCH', '/1.0', { body: { config } })

/** Whom the daemon takes the client of the last connection to be. */
function lastAddress(): string | undefined {
  return [...daemon.daemon.api.connections].filter(({ door }) => door === 'tls').at(-1)?.address
}

async function open(from: string): Promise<Socket> {
  const socket = connect({ host: '127.0.0.1', port, localAddress: from })
  socket.on('error', () => {})
  await once(socket, 'connect')
  return socket
}

/** Waits for an event; rejects where the connection is closed before it. */
async function first(socket: Socket, event: string): Promise<unknown[]> {
  const closed = once(socket, 'close').then(() => Promise.reject(new Error('closed')))
  return await Promise.race([once(socket, event), closed])
}

/** Speaks TLS, and then HTTP, on a connection that may have been written to. Rejects where that is refused. */
async function ask(socket: Socket): Promise<TLSSocket> {
  const secure = connectTls({ socket, rejectUnauthorized: false })
  await first(secure, 'secureConnect')
  secure.write('GET / HTTP/1.1\r\nHost: lxd\r\n\r\n')
  const [answer] = (await first(secure, 'data')) as [Buffer]
  assert.match(String(answer), /^HTTP\/1.1 200 /)
  return secure
}

const line = 'PROXY TCP4 192.0.2.7 198.51.100.1 5555 8443\r\n'
const binary = Buffer.concat([
  Buffer.from('\r\n\r\n\0\r\nQUIT\n', 'latin1'),
  Buffer.of(0x21, 0x11, 0, 12, 192, 0, 2, 7, 198, 51, 100, 1, 0x15, 0xb3, 0x20, 0xfb),
])

test('a header from an address that is no proxy is refused; from one that is, it names the client', async () => {
  for (const header of [line, binary]) {
    await set({ 'core.https_trusted_proxy': '127.0.0.9' })
    const forged = await open('127.0.0.1')
    forged.write(header)
    await assert.rejects(ask(forged))
    assert.notEqual(lastAddress(), '192.0.2.7:5555')

    // The control: the very same bytes from an address that is listed.
    await set({ 'core.https_trusted_proxy': '127.0.0.1' })
    const proxied = await open('127.0.0.1')
    proxied.write(header)
    const secure = await ask(proxied)
    assert.equal(lastAddress(), '192.0.2.7:5555')
    secure.destroy()
  }
})

test('neighbours of a proxy, and networks, are not proxies', async () => {
  for (const value of ['127.0.0.0/8', '127.0.0', 'localhost', '127.0.0.1 127.0.0.2', '0177.0.0.1']) {
    const { status, error } = await daemon.refused('PATCH', '/1.0', {
      body: { config: { 'core.https_trusted_proxy': value } },
    })
    assert.equal(status, 400)
    assert.match(error, /"core.https_trusted_proxy": Invalid address .* expected an IP address/)
  }
  await set({ 'core.https_trusted_proxy': '127.0.0.1, 127.0.0.11' })
  const socket = await open('127.0.0.10')
  socket.write(line)
  await assert.rejects(ask(socket))
})

test('a proxy in the spelling of IPv6 is the same proxy', async () => {
  await set({ 'core.https_trusted_proxy': '::ffff:127.0.0.1' })
  const socket = await open('127.0.0.1')
  socket.write(line)
  const secure = await ask(socket)
  assert.equal(lastAddress(), '192.0.2.7:5555')
  secure.destroy()
})

test('what the client says through the proxy is not taken for a second header', async () => {
  await set({ 'core.https_trusted_proxy': '127.0.0.1' })
  const socket = await open('127.0.0.1')
  socket.write(line)
  socket.write('PROXY TCP4 203.0.113.1 198.51.100.1 6666 8443\r\n')
  await assert.rejects(ask(socket))
})

test('a header may come byte by byte, together with the handshake, or not at all', async () => {
  await set({ 'core.https_trusted_proxy': '127.0.0.1' })
  const slow = await open('127.0.0.1')
  slow.setNoDelay(true)
  for (const character of line) {
    slow.write(character)
    await sleep(1)
  }
  const secure = await ask(slow)
  assert.equal(lastAddress(), '192.0.2.7:5555')
  secure.destroy()

  const together = await open('127.0.0.1')
  together.cork()
  together.write(binary)
  setTimeout(() => together.uncork(), 20)
  const second = await ask(together)
  assert.equal(lastAddress(), '192.0.2.7:5555')
  second.destroy()

  assert.equal((await callHttps({ port })).status, 200)
})
