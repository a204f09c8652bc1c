// A small websocket client (RFC 6455), on the stream that `http.ts` upgrades.
// Like the HTTP client it exists for the time it takes to start: `exec` is the
// command people wait for most often.
import type { Duplex } from 'node:stream'

import { unavailable } from '#base/failure.ts'

import { readText, type Connection, type Query } from './connection.ts'
import { hostOf, openStream } from './endpoint.ts'
import { exchange, write } from './http.ts'
import type { Incoming } from './incoming.ts'

/** Bytes a message may have. */
const MAX_MESSAGE = 64 * 1024 * 1024

// The nonce proves that no cache answers in the server's place, and there is
// none between us; a fixed pair (the one of RFC 6455 section 1.3) spares
// loading a hash.
const NONCE = 'dGhlIHNhbXBsZSBub25jZQ=='
const NONCE_ACCEPTED = 's3pPLMBiTxaQ9kYGzzhZRbK+xOo='

/** Milliseconds. Servers wait for seconds. */
const PONG_DELAY = 200

const CONTINUATION = 0x0
const TEXT = 0x1
const BINARY = 0x2
const CLOSE = 0x8
const PING = 0x9
const PONG = 0xa

export interface Message {
  readonly text: boolean
  readonly data: Uint8Array
}

/** Opens a websocket at `path`. Throws the server's error if it answers with one. */
export async function openWebSocket(connection: Connection, path: string, query: Query = {}): Promise<WebSocket> {
  const stream = await openStream(connection.endpoint)
  try {
    const reply = await exchange(stream, {
      method: 'GET',
      target: connection.target(path, query),
      host: hostOf(connection.endpoint),
      headers: {
        ...(await connection.authorization()),
        Connection: 'Upgrade',
        Upgrade: 'websocket',
        'Sec-WebSocket-Version': '13',
        'Sec-WebSocket-Key': NONCE,
      },
    })
    if (reply.status !== 101) throw unavailable(refusal(await readText(reply.body, 1024 * 1024), reply.status))
    if (reply.headers.get('sec-websocket-accept') !== NONCE_ACCEPTED) {
      throw unavailable('The server does not speak the websocket protocol')
    }
    return new WebSocket(stream, reply.incoming)
  } catch (error) {
    stream.destroy()
    throw error
  }
}

function refusal(body: string, status: number): string {
  try {
    const { error } = JSON.parse(body) as { error?: string }
    if (error) return error
  } catch {
    // No envelope: the status has to do.
  }
  return `The server refused the websocket with status ${status}`
}

/** An open websocket: iterate it for its messages, until the other side closes. */
export class WebSocket implements AsyncIterable<Message> {
  readonly #stream: Duplex
  readonly #incoming: Incoming
  #closing = false
  #pong: Uint8Array | undefined

  constructor(stream: Duplex, incoming: Incoming) {
    this.#stream = stream
    this.#incoming = incoming
  }

  /** Sends a message and waits until the connection takes more. */
  async send(data: string | Uint8Array): Promise<void> {
    if (typeof data === 'string') await write(this.#stream, frame(TEXT, Buffer.from(data)))
    else await write(this.#stream, frame(BINARY, data))
  }

  /** Says goodbye and hangs up. */
  close(): void {
    if (this.#closing) return
    this.#closing = true
    if (!this.#stream.destroyed) this.#stream.end(frame(CLOSE, Buffer.from([0x03, 0xe8])))
  }

  /** Hangs up at once. */
  destroy(): void {
    this.#closing = true
    this.#stream.destroy()
  }

  async *[Symbol.asyncIterator](): AsyncGenerator<Message> {
    let parts: Uint8Array[] = []
    let text = false

    try {
      for (;;) {
        const got = await this.#readFrame()
        if (got === undefined) throw unavailable('The server hung up without a word')
        if (got.opcode === CLOSE) break
        if (got.opcode === PING) this.#answerSoon(got.data)
        if (got.opcode >= CLOSE) continue

        if (got.opcode !== CONTINUATION) text = got.opcode === TEXT
        parts.push(got.data)
        if (parts.length > 1 && parts.reduce((sum, part) => sum + part.length, 0) > MAX_MESSAGE) throw tooLong()
        if (!got.final) continue

        yield { text, data: parts.length === 1 ? got.data : Buffer.concat(parts) }
        parts = []
      }
      this.close()
    } catch (error) {
      // Whoever has hung up does not care how the line went dead.
      if (!this.#closing) throw error
    } finally {
      this.#stream.destroy()
    }
  }

  /**
   * Answers a ping a moment later, and only the last of several.
   *
   * A server that pings and then closes would have our answer fail, and with
   * it the connection: what it has sent before, and we have not read yet, would
   * be lost.
   */
  #answerSoon(payload: Uint8Array): void {
    const waiting = this.#pong !== undefined
    this.#pong = payload
    if (waiting) return
    setTimeout(() => {
      if (!this.#closing && !this.#stream.destroyed) this.#stream.write(frame(PONG, this.#pong!))
      this.#pong = undefined
    }, PONG_DELAY).unref()
  }

  async #readFrame(): Promise<{ opcode: number; final: boolean; data: Uint8Array } | undefined> {
    const first = await this.#incoming.some(1)
    if (first === undefined) return undefined
    const second = (await this.#incoming.exactly(1))[0]!
    if ((second & 0x80) !== 0) throw unavailable('The server sent a masked websocket frame')

    let length = second & 0x7f
    if (length === 126) length = Buffer.from(await this.#incoming.exactly(2)).readUInt16BE()
    else if (length === 127) length = Number(Buffer.from(await this.#incoming.exactly(8)).readBigUInt64BE())
    if (length > MAX_MESSAGE) throw tooLong()

    const data = await this.#incoming.exactly(length)
    return { opcode: first[0]! & 0x0f, final: (first[0]! & 0x80) !== 0, data }
  }
}

function tooLong(): Error {
  return unavailable('The server sent a websocket message that is too long')
}

/** A final frame with its payload masked, as clients must. The mask guards proxies against crafted payloads. */
function frame(opcode: number, payload: Uint8Array): Uint8Array {
  const size = payload.length
  const extended = size < 126 ? 0 : size < 0x10000 ? 2 : 8
  const bytes = Buffer.alloc(6 + extended + size)

  bytes[0] = 0x80 | opcode
  bytes[1] = 0x80 | (extended === 0 ? size : extended === 2 ? 126 : 127)
  if (extended === 2) bytes.writeUInt16BE(size, 2)
  if (extended === 8) bytes.writeBigUInt64BE(BigInt(size), 2)

  const start = 6 + extended
  bytes.writeUInt32BE(Math.floor(Math.random() * 0x1_0000_0000), start - 4)
  for (let i = 0; i < size; i++) bytes[start + i] = payload[i]! ^ bytes[start - 4 + (i & 3)]!
  return bytes
}
