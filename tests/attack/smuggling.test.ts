import assert from 'node:assert/strict'
import { once } from 'node:events'
import type { AddressInfo } from 'node:net'
import { createServer } from 'node:https'
import { after, before, test } from 'node:test'
import { connect } from 'node:tls'
import { setTimeout as sleep } from 'node:timers/promises'
import { TestDaemon } from '../api/daemon.ts'
import { callHttps, clientCertificate, freePort } from '../api/https.ts'

// Where a proxy and the daemon disagree about where a request ends, what one client sends becomes another's request.

let daemon: TestDaemon
let port = 0
before(async () => {
  daemon = await TestDaemon.start()
  port = await freePort()
  await daemon.ok('PATCH', '/1.0', { body: { config: { 'core.https_address': `127.0.0.1:${port}` } } })
})
after(() => daemon[Symbol.asyncDispose]())

/** Sends bytes and gives the statuses of all answers until the connection ends or is silent for a while. */
async function send(to: number, bytes: string | Buffer): Promise<number[]> {
  const socket = connect({ host: '127.0.0.1', port: to, rejectUnauthorized: false })
  let answers = ''
  socket.on('error', () => {})
  socket.on('data', (data) => (answers += data.toString('latin1')))
  await once(socket, 'secureConnect')
  socket.write(bytes)
  const ended = new Promise((resolve) => socket.on('close', () => resolve(true)))
  for (let before = -1; before !== answers.length || before === 0;) {
    before = answers.length
    if (await Promise.race([ended, sleep(150, false)])) break
  }
  socket.destroy()
  return [...answers.matchAll(/HTTP\/1\.1 (\d{3}) /g)].map(([, status]) => Number(status))
}

const smuggled = 'GET /1.0/instances HTTP/1.1\r\nHost: lxd\r\nConnection: close\r\n\r\n'

/** Requests whose end can be seen in two places; the smuggled one is the body in one reading, a request in the other. */
const ambiguous: Readonly<Record<string, string>> = {
  'a length and chunks': `POST /1.0 HTTP/1.1\r\nHost: lxd\r\nContent-Length: ${smuggled.length + 5}\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n${smuggled}`,
  'two lengths': `POST /1.0 HTTP/1.1\r\nHost: lxd\r\nContent-Length: 0\r\nContent-Length: ${smuggled.length}\r\n\r\n${smuggled}`,
  'two lengths in one': `POST /1.0 HTTP/1.1\r\nHost: lxd\r\nContent-Length: 0, ${smuggled.length}\r\n\r\n${smuggled}`,
  'a length with a sign': `POST /1.0 HTTP/1.1\r\nHost: lxd\r\nContent-Length: +0\r\n\r\n${smuggled}`,
  'a length in hex': `POST /1.0 HTTP/1.1\r\nHost: lxd\r\nContent-Length: 0x0\r\n\r\n${smuggled}`,
  'a coding nobody knows': `POST /1.0 HTTP/1.1\r\nHost: lxd\r\nTransfer-Encoding: xchunked\r\n\r\n0\r\n\r\n${smuggled}`,
  'chunks that are not the last coding': `POST /1.0 HTTP/1.1\r\nHost: lxd\r\nTransfer-Encoding: chunked, identity\r\n\r\n0\r\n\r\n${smuggled}`,
  'a space before the colon': `POST /1.0 HTTP/1.1\r\nHost: lxd\r\nTransfer-Encoding : chunked\r\nContent-Length: 5\r\n\r\n0\r\n\r\n${smuggled}`,
  'a folded header': `POST /1.0 HTTP/1.1\r\nHost: lxd\r\nX: a\r\n Transfer-Encoding: chunked\r\n\r\n${smuggled}`,
  'a folded coding': `POST /1.0 HTTP/1.1\r\nHost: lxd\r\nTransfer-Encoding:\r\n chunked\r\n\r\n0\r\n\r\n${smuggled}`,
  'a lone carriage return': `POST /1.0 HTTP/1.1\r\nHost: lxd\r\nX: a\rContent-Length: 0\r\n\r\n${smuggled}`,
  'a lone line feed': `POST /1.0 HTTP/1.1\r\nHost: lxd\r\nX: a\nContent-Length: 0\r\n\r\n${smuggled}`,
  'a zero byte': `POST /1.0 HTTP/1.1\r\nHost: lxd\r\nX: a\0b\r\n\r\n${smuggled}`,
  'a chunk size that overflows': `POST /1.0 HTTP/1.1\r\nHost: lxd\r\nTransfer-Encoding: chunked\r\n\r\n10000000000000000\r\n${smuggled}`,
  'a chunk size that is none': `POST /1.0 HTTP/1.1\r\nHost: lxd\r\nTransfer-Encoding: chunked\r\n\r\n0x0\r\n\r\n${smuggled}`,
  'a chunk that does not end': `POST /1.0 HTTP/1.1\r\nHost: lxd\r\nTransfer-Encoding: chunked\r\n\r\n1\r\nab\r\n0\r\n\r\n${smuggled}`,
  'no host': `GET / HTTP/1.1\r\n\r\n${smuggled}`,
  'another protocol': `GET / HTTP/3.7\r\nHost: lxd\r\n\r\n${smuggled}`,
}

for (const [name, bytes] of Object.entries(ambiguous)) {
  test(`a request with ${name} is an error, and nothing after it is a request`, async () => {
    const [status = 0, ...more] = await send(port, bytes)
    // 501: what the first request asks for is not there, and the error in its body ends the connection.
    assert.ok([400, 501].includes(status), String(status))
    assert.deepEqual(more, [])
  })
}

test('the control: a lenient parser takes what was smuggled for a request', async () => {
  const { certificate: cert, key } = clientCertificate()
  const asked: string[] = []
  const lenient = createServer({ cert, key, insecureHTTPParser: true }, (request, response) => {
    asked.push(request.url ?? '')
    request.resume().on('end', () => response.end())
  })
  lenient.listen(0, '127.0.0.1')
  await once(lenient, 'listening')
  await send((lenient.address() as AddressInfo).port, ambiguous['a length and chunks'] ?? '')
  lenient.close()
  lenient.closeAllConnections()
  assert.ok(asked.includes('/1.0/instances'), asked.join(' '))
  // And well-formed requests one after the other on a connection are all answered by the daemon.
  const plain = 'GET / HTTP/1.1\r\nHost: lxd\r\n\r\n'
  assert.deepEqual(await send(port, `${plain}${plain}${smuggled}`), [200, 200, 403])
})

test('oversized lines, headers and bodies are refused, and the daemon goes on', async () => {
  const fill = (length: number) => 'a'.repeat(length)
  for (const [bytes, status] of [
    [`GET /${fill(9000)} HTTP/1.1\r\nHost: lxd\r\n\r\n`, 414],
    [`GET /${fill(100_000)} HTTP/1.1\r\nHost: lxd\r\n\r\n`, 431],
    [`GET / HTTP/1.1\r\nHost: lxd\r\nX: ${fill(100_000)}\r\n\r\n`, 431],
    [`GET / HTTP/1.1\r\nHost: lxd\r\n${'a: b\r\n'.repeat(10_000)}\r\n`, 431],
    [`${fill(100_000)} / HTTP/1.1\r\nHost: lxd\r\n\r\n`, 400],
  ] as const) {
    // The answer may be lost where the connection is closed while the client still sends.
    const [answered = status] = (await send(port, bytes)).slice(-1)
    assert.equal(answered, status, bytes.slice(0, 40))
  }
  assert.equal((await callHttps({ port })).status, 200)
})

test('headers beyond a number are not lost: the last of many is still looked at', async () => {
  const many = 'a:\r\n'.repeat(3000)
  assert.deepEqual(
    await send(port, `GET / HTTP/1.1\r\nHost: lxd\r\n${many}Origin: https://evil.example\r\n\r\n`),
    [403],
  )
})

test('an upgrade to what is no websocket is an ordinary request', async () => {
  const asked = 'GET / HTTP/1.1\r\nHost: lxd\r\nConnection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\n\r\n'
  assert.deepEqual(await send(port, asked), [200])
})
