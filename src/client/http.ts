// A small HTTP/1.1 client, one exchange a connection (RFC 9112). It exists
// because loading `node:http` costs a command line more than the request it
// makes: a command has to answer within a few milliseconds.
import type { Duplex } from 'node:stream'

import { badRequest, unavailable } from '#base/failure.ts'

import { Incoming } from './incoming.ts'

/** Bytes a reply's head may have, and the size line of a chunk. */
const MAX_HEAD = 64 * 1024
const MAX_CHUNK_LINE = 1024

/** What is sent: a text as it is, or bytes as they come, whose `length` is announced when it is known. */
export type Body = string | { readonly length?: number; readonly chunks: AsyncIterable<Uint8Array> }

export interface HttpRequest {
  readonly method: string
  /** Path and query, already encoded. */
  readonly target: string
  readonly host: string
  readonly headers?: Readonly<Record<string, string>>
  readonly body?: Body | undefined
}

export interface HttpReply {
  readonly status: number
  /** By lower-case name; a repeated one keeps its last value. */
  readonly headers: ReadonlyMap<string, string>
  readonly body: AsyncIterable<Uint8Array>
  /** What follows the head, for a connection that has changed its protocol (101). */
  readonly incoming: Incoming
}

/** Sends a request and reads the head of its reply. The body is read as it is iterated. */
export async function exchange(stream: Duplex, request: HttpRequest): Promise<HttpReply> {
  const { body } = request
  stream.write(typeof body === 'string' ? headOf(request) + body : headOf(request))
  const sending = sendBody(stream, body).catch((error: unknown) => {
    // A server may answer and hang up before it has read a body to its end: its
    // answer is worth more than our failure to go on. What fails on our side
    // would leave it waiting.
    if (!stream.destroyed) stream.destroy(error instanceof Error ? error : undefined)
  })

  const incoming = new Incoming(stream as AsyncIterable<Uint8Array>)
  let head = await readHead(incoming)
  while (head.status === 100) head = await readHead(incoming)

  if (head.status === 101) await sending
  return { ...head, body: readBody(head, request.method, incoming), incoming }
}

function headOf({ method, target, host, headers, body }: HttpRequest): string {
  const lines = [`${method} ${target} HTTP/1.1`, `Host: ${host}`]
  for (const [name, value] of Object.entries(headers ?? {})) lines.push(header(name, value))

  if (typeof body === 'string') lines.push(`Content-Length: ${Buffer.byteLength(body)}`)
  else if (body?.length !== undefined) lines.push(`Content-Length: ${body.length}`)
  else if (body !== undefined) lines.push('Transfer-Encoding: chunked')
  return `${lines.join('\r\n')}\r\n\r\n`
}

async function sendBody(stream: Duplex, body: Body | undefined): Promise<void> {
  if (body === undefined || typeof body === 'string') return

  const chunked = body.length === undefined
  for await (const chunk of body.chunks) {
    if (chunk.length === 0) continue
    if (chunked) stream.write(`${chunk.length.toString(16)}\r\n`)
    await write(stream, chunk)
    if (chunked) stream.write('\r\n')
  }
  if (chunked) stream.write('0\r\n\r\n')
}

/** Writes and waits until the stream takes more. Throws when it has failed or was closed. */
export async function write(stream: Duplex, bytes: Uint8Array | string): Promise<void> {
  if (stream.destroyed) throw unavailable('The connection is closed')
  if (stream.write(bytes)) return
  await new Promise<void>((resolve, reject) => {
    const settle = (): void => {
      stream.off('drain', settle).off('close', settle)
      if (stream.destroyed) reject(unavailable('The connection was closed'))
      else resolve()
    }
    stream.on('drain', settle).on('close', settle)
  })
}

function header(name: string, value: string): string {
  if (!/^[\w-]+$/.test(name) || /[^\t\x20-\x7e\x80-\xff]/.test(value)) {
    throw badRequest(`Cannot send header "${name}": its value has characters that headers cannot carry`)
  }
  return `${name}: ${value}`
}

interface Head {
  readonly status: number
  readonly headers: Map<string, string>
}

async function readHead(incoming: Incoming): Promise<Head> {
  const text = await incoming.until('\r\n\r\n', MAX_HEAD)
  if (text === undefined) throw unavailable('The server closed the connection without an answer')

  const [first = '', ...lines] = text.split('\r\n')
  const status = /^HTTP\/1\.[01] (\d{3})(?: |$)/.exec(first)?.[1]
  if (status === undefined) throw unavailable('The server does not speak HTTP')

  const headers = new Map<string, string>()
  for (const line of lines) {
    const colon = line.indexOf(':')
    if (colon <= 0) throw unavailable('The server sent a malformed header')
    headers.set(line.slice(0, colon).toLowerCase(), line.slice(colon + 1).trim())
  }
  return { status: Number(status), headers }
}

async function* readBody({ status, headers }: Head, method: string, incoming: Incoming): AsyncGenerator<Uint8Array> {
  if (method === 'HEAD' || status === 101 || status === 204 || status === 304) return

  if (headers.get('transfer-encoding')?.toLowerCase() === 'chunked') {
    yield* readChunks(incoming)
    return
  }

  const announced = headers.get('content-length')
  if (announced === undefined) {
    for (let piece = await incoming.some(); piece !== undefined; piece = await incoming.some()) yield piece
    return
  }

  if (!/^\d{1,15}$/.test(announced)) throw unavailable('The server sent a malformed Content-Length')
  yield* readExactly(incoming, Number(announced))
}

async function* readChunks(incoming: Incoming): AsyncGenerator<Uint8Array> {
  for (;;) {
    const size = /^([\da-f]{1,12})\s*(?:;|$)/i.exec((await incoming.until('\r\n', MAX_CHUNK_LINE)) ?? '')?.[1]
    if (size === undefined) throw unavailable('The server sent a malformed chunk')

    if (Number.parseInt(size, 16) === 0) break
    yield* readExactly(incoming, Number.parseInt(size, 16))
    if ((await incoming.until('\r\n', 2)) !== '') throw unavailable('The server sent a malformed chunk')
  }

  // Trailers end with an empty line. Nothing in them matters to us.
  for (let lines = 0; (await incoming.until('\r\n', MAX_CHUNK_LINE)) !== ''; lines++) {
    if (lines > 100) throw unavailable('The server sent too many trailers')
  }
}

async function* readExactly(incoming: Incoming, count: number): AsyncGenerator<Uint8Array> {
  for (let left = count; left > 0;) {
    const piece = await incoming.some(left)
    if (piece === undefined) throw unavailable('The server closed the connection in the middle of a reply')
    left -= piece.length
    yield piece
  }
}
