import assert from 'node:assert/strict'
import { createServer, type Socket } from 'node:net'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, test } from 'node:test'

import { Connection, path, readText } from './connection.ts'

const directory = mkdtempSync(join(tmpdir(), 'client-'))
after(() => rmSync(directory, { recursive: true }))

let count = 0

/** A server that answers each connection with the pieces of `reply`, a moment apart. */
async function serve(reply: readonly string[], options: { readonly hangUp?: boolean } = {}) {
  const file = join(directory, `${count++}.socket`)
  const received: string[] = []
  const server = createServer((socket: Socket) => {
    socket.on('error', () => {})
    socket.once('data', () => void answer())
    socket.on('data', (bytes) => received.push(bytes.toString('latin1')))
    async function answer(): Promise<void> {
      for (const piece of reply) {
        socket.write(Buffer.from(piece, 'latin1'))
        await new Promise((resolve) => setTimeout(resolve, 2))
      }
      if (options.hangUp !== false) socket.end()
    }
  })
  await new Promise<void>((resolve) => void server.listen(file, resolve))
  return {
    connection: new Connection({ endpoint: { kind: 'unix', path: file } }),
    request: () => received.join(''),
    [Symbol.dispose]: () => void server.close(),
  }
}

const ok = (body: string): string => `HTTP/1.1 200 OK\r\nContent-Length: ${body.length}\r\n\r\n${body}`
const envelope = (metadata: unknown): string => JSON.stringify({ type: 'sync', status_code: 200, metadata })

const replies: readonly (readonly [what: string, pieces: readonly string[]])[] = [
  ['in one piece', [ok(envelope('yes'))]],
  ['letter by letter', ok(envelope('yes')).split('')],
  ['of unknown length', ['HTTP/1.1 200 OK\r\n\r\n', envelope('yes')]],
  ['in chunks', ['HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n', ...chunks(envelope('yes'), 7)]],
  ['in chunks with extensions and trailers', ['HTTP/1.1 200 OK\r\ntransfer-encoding: Chunked\r\n\r\n', `${envelope('yes').length.toString(16)};x=y\r\n${envelope('yes')}\r\n0\r\nX: y\r\n\r\n`]], // prettier-ignore
  ['after a 100', ['HTTP/1.1 100 Continue\r\n\r\n', ok(envelope('yes'))]],
]

function chunks(text: string, size: number): string[] {
  const pieces = text.match(new RegExp(`.{1,${size}}`, 'gs'))!
  return [...pieces.map((piece) => `${piece.length.toString(16)}\r\n${piece}\r\n`), '0\r\n\r\n']
}

for (const [what, pieces] of replies) {
  test(`a reply ${what} is read`, async () => {
    using server = await serve(pieces)

    assert.equal(await server.connection.get('/1.0'), 'yes')
  })
}

const broken: readonly (readonly [what: string, pieces: readonly string[], message: RegExp])[] = [
  ['nothing', [], /without an answer/],
  ['half a head', ['HTTP/1.1 200 OK\r\nContent-'], /in the middle of a message/],
  ['something else', ['SSH-2.0-OpenSSH\r\n\r\n'], /does not speak HTTP/],
  ['a head without end', ['HTTP/1.1 200 OK\r\n', ...Array.from({ length: 100 }, () => `X: ${'y'.repeat(1000)}\r\n`)], /head that is too long/], // prettier-ignore
  ['a header without a name', ['HTTP/1.1 200 OK\r\n: x\r\n\r\n'], /malformed header/],
  ['half a body', ['HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n{'], /in the middle of a reply/],
  ['a length that is none', ['HTTP/1.1 200 OK\r\nContent-Length: -1\r\n\r\n'], /malformed Content-Length/],
  ['a chunk without a size', ['HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nxyz\r\n'], /malformed chunk/],
  ['a chunk longer than it says', ['HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n1\r\nabc\r\n'], /too long|malformed chunk/], // prettier-ignore
  ['no JSON', [ok('<html>')], /no JSON/],
]

for (const [what, pieces, message] of broken) {
  test(`a server that sends ${what} gets an error and not a hang`, async () => {
    using server = await serve(pieces)
    // A connection that never answers ends when it is closed.
    const asked = pieces.length === 0 ? new Promise((resolve) => setTimeout(resolve, 1)) : Promise.resolve()
    await asked

    await assert.rejects(server.connection.get('/1.0'), { kind: 'unavailable', message })
  })
}

test('an error of the server keeps its message and its kind', async () => {
  const body = JSON.stringify({ type: 'error', error: 'Instance not found', error_code: 404, metadata: null })
  using server = await serve([`HTTP/1.1 404 Not Found\r\nContent-Length: ${body.length}\r\n\r\n${body}`])

  await assert.rejects(server.connection.get('/1.0/instances/x'), { kind: 'not-found', message: 'Instance not found' })
})

test('a request says what it is about', async () => {
  using server = await serve([ok(envelope(null))])

  const connection = server.connection.inProject('p 1')
  await connection.request('PUT', path`/1.0/instances/${'a/b?'}`, { a: 'é' }, { etag: 'x', query: { recursion: 1 } })

  assert.equal(
    server.request(),
    [
      'PUT /1.0/instances/a%2Fb%3F?recursion=1&project=p%201 HTTP/1.1',
      'Host: lxd',
      'Connection: close',
      'User-Agent: lxd-ts',
      'If-Match: x',
      'Content-Type: application/json',
      'Content-Length: 10',
      '',
      Buffer.from('{"a":"é"}').toString('latin1'),
    ].join('\r\n'),
  )
})

test('a value cannot become a header of its own', async () => {
  using server = await serve([ok(envelope(null))], { hangUp: false })

  const headers = { 'X-LXD-filename': 'a\r\nX-LXD-public: true' }
  await assert.rejects(server.connection.send('POST', '/1.0/images', 'x', { headers }), { kind: 'bad-request' })
})

test('a body of unknown length goes out in chunks', async () => {
  using server = await serve([ok(envelope(null))])
  async function* pieces(): AsyncGenerator<Uint8Array> {
    yield Buffer.from('one')
    yield Buffer.from('')
    yield Buffer.from('three')
  }

  await server.connection.send('POST', '/1.0/images', { chunks: pieces() })

  assert.match(server.request(), /Transfer-Encoding: chunked\r\n\r\n3\r\none\r\n5\r\nthree\r\n0\r\n\r\n$/)
})

test('who answers before all was sent is heard', async () => {
  const body = JSON.stringify({ type: 'error', error: 'Too large', error_code: 400, metadata: null })
  using server = await serve([`HTTP/1.1 400 Bad Request\r\nContent-Length: ${body.length}\r\n\r\n${body}`])
  async function* endless(): AsyncGenerator<Uint8Array> {
    for (;;) {
      yield Buffer.alloc(64 * 1024)
      await new Promise((resolve) => setTimeout(resolve, 1))
    }
  }

  await assert.rejects(server.connection.send('POST', '/1.0/images', { chunks: endless() }), { message: 'Too large' })
})

test('a daemon that is not there is an error that says where it was looked for', async () => {
  const connection = new Connection({ endpoint: { kind: 'unix', path: join(directory, 'none.socket') } })

  await assert.rejects(connection.get('/1.0'), { kind: 'unavailable', message: /^Cannot connect to ".*none.socket"$/ })
})

test('a text has a limit', async () => {
  async function* pieces(): AsyncGenerator<Uint8Array> {
    for (;;) yield Buffer.alloc(1000)
  }

  await assert.rejects(readText(pieces(), 10_000), { message: /too long/ })
})
