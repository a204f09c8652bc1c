import assert from 'node:assert/strict'
import { once } from 'node:events'
import { mkdtempSync, rmSync } from 'node:fs'
import { createServer } from 'node:http'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, test } from 'node:test'
import { WebSocketServer, type WebSocket as Peer } from 'ws'

import { Connection } from './connection.ts'
import { openWebSocket } from './websocket.ts'

const directory = mkdtempSync(join(tmpdir(), 'websocket-'))
after(() => rmSync(directory, { recursive: true }))

let count = 0

/** A server that speaks the protocol with the implementation everyone uses. */
async function serve(talk: (peer: Peer) => void) {
  const file = join(directory, `${count++}.socket`)
  const server = createServer((_, reply) => void reply.writeHead(404).end('{"type":"error","error":"No such thing"}'))
  const websockets = new WebSocketServer({ noServer: true })
  server.on('upgrade', (request, socket, head) => {
    if (request.url !== '/talk?secret=a%2Fb') return void socket.end('HTTP/1.1 403 Forbidden\r\n\r\n')
    websockets.handleUpgrade(request, socket, head, talk)
  })
  server.listen(file)
  await once(server, 'listening')
  const connection = new Connection({ endpoint: { kind: 'unix', path: file } })
  return {
    connection,
    open: () => openWebSocket(connection, '/talk', { secret: 'a/b' }),
    [Symbol.dispose]: () => void server.close(),
  }
}

for (const size of [0, 1, 125, 126, 127, 65_535, 65_536, 1_000_000]) {
  test(`messages of ${size} bytes come back as they went`, async () => {
    using server = await serve((peer) => peer.on('message', (data, binary) => peer.send(data, { binary })))
    const bytes = Buffer.from(Array.from({ length: size }, (_, index) => (index * 31) % 251))

    const socket = await server.open()
    await socket.send(bytes)
    await socket.send('text')

    const messages = socket[Symbol.asyncIterator]()
    const [first, second] = [await messages.next(), await messages.next()]
    assert.deepEqual(
      { text: first.value!.text, same: Buffer.compare(first.value!.data, bytes) },
      { text: false, same: 0 },
    )
    assert.deepEqual({ ...second.value, data: String(Buffer.from(second.value!.data)) }, { text: true, data: 'text' })
    socket.close()
  })
}

test('parts of a message are put together, pings between them answered', async () => {
  using server = await serve((peer) => {
    peer.send('one ', { fin: false })
    peer.ping('still there?')
    peer.on('pong', (data) => peer.send(`and ${data.toString()}`, { fin: true }))
  })

  const socket = await server.open()
  const { value } = await socket[Symbol.asyncIterator]().next()

  assert.equal(Buffer.from(value!.data).toString(), 'one and still there?')
  socket.close()
})

test('the iteration ends when the other side says goodbye', async () => {
  using server = await serve((peer) => {
    peer.send('last')
    peer.close(1000)
  })

  const texts: string[] = []
  for await (const { data } of await server.open()) texts.push(Buffer.from(data).toString())

  assert.deepEqual(texts, ['last'])
})

test('closing is heard on the other side and ends the iteration here', async () => {
  const closed = Promise.withResolvers<number>()
  using server = await serve((peer) => peer.on('close', (code) => closed.resolve(code)))

  const socket = await server.open()
  const ended = (async () => {
    for await (const _ of socket);
  })()
  socket.close()
  socket.close()

  assert.equal(await closed.promise, 1000)
  await ended
})

test('a line that goes dead is an error', async () => {
  using server = await serve((peer) => setTimeout(() => peer.terminate(), 10))

  const socket = await server.open()
  await assert.rejects(async () => {
    for await (const _ of socket);
  })
})

test('a server that refuses says why', async () => {
  using server = await serve(() => {})

  await assert.rejects(openWebSocket(server.connection, '/talk'), { message: /status 403/ })
})
