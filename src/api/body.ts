import type { IncomingMessage } from 'node:http'
import { badRequest } from '#base/failure.ts'

/** What a JSON body may cost: bytes of memory, and milliseconds until all of it is there. */
interface Bounds {
  readonly bytes: number
  readonly time: number
}

/** LXD's configuration fits many times over. */
const forKnown: Bounds = { bytes: 8 << 20, time: 300_000 }

/** A certificate or a token, which is all that a stranger has to say. */
const forStrangers: Bounds = { bytes: 256 << 10, time: 30_000 }

/** How long an answer has to arrive before the connection of a client that still sends is closed, in milliseconds. */
const lingering = 1000

/** Reads the whole body of a request as JSON. An empty body is `{}`, as Go's decoder callers have it. */
export async function readJson(
  stream: IncomingMessage,
  { trusted }: { readonly trusted: boolean },
  bounds = trusted ? forKnown : forStrangers,
): Promise<unknown> {
  const body = await readWhole(stream, bounds)
  if (body.length === 0) return {}
  try {
    return JSON.parse(body.toString())
  } catch (cause) {
    throw badRequest('Invalid request body: expected JSON', { cause })
  }
}

async function readWhole(stream: IncomingMessage, { bytes, time }: Bounds): Promise<Buffer> {
  const chunks: Buffer[] = []
  let size = 0
  const { promise, resolve, reject } = Promise.withResolvers<void>()
  const refuse = (why: string) => {
    stream.pause()
    chunks.length = 0
    setTimeout(() => stream.socket.destroy(), lingering)
    reject(badRequest(`Invalid request body: ${why}`))
  }
  const timer = setTimeout(() => refuse(`not complete after ${time / 1000} seconds`), time)
  stream.on('data', (chunk: Buffer) => {
    size += chunk.length
    if (size > bytes) refuse(`larger than ${bytes} bytes`)
    else chunks.push(chunk)
  })
  stream.on('end', resolve).on('error', reject)
  // A client that goes away in the middle.
  const cut = () => reject(badRequest('Invalid request body: it ended early'))
  stream.on('close', cut)
  if (stream.readableEnded) resolve()
  else if (stream.destroyed) cut()
  try {
    await promise
  } finally {
    clearTimeout(timer)
    stream.removeAllListeners('data')
  }
  return Buffer.concat(chunks)
}
