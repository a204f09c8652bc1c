import type { IncomingMessage } from 'node:http'
import { Failure, explain, unavailable } from '#base/failure.ts'

/** The most an answer may hold, in bytes, and how long it may take, in milliseconds. */
const maxBytes = 1 << 20
const maxTime = 30_000

const maxMessage = 500

/**
 * Reads the metadata of another server's answer; undefined where it says 404. What it sends may be anything: it is
 * bounded in size and time, and `read` throws for what has the wrong shape. Throws an unavailable Failure.
 */
export async function readAnswer<T>(reply: IncomingMessage, read: (metadata: unknown) => T): Promise<T | undefined> {
  const status = reply.statusCode ?? 0
  const text = await readBounded(reply)
  if (status === 404) return undefined
  if (status >= 300 && status < 400) {
    throw unavailable(`The server sent a redirect (status ${status}), which is not followed`)
  }
  const envelope = parse(text, status)
  if (status >= 400 || envelope['type'] === 'error') {
    throw unavailable(`The server answered with an error: ${printable(envelope['error'], status)}`)
  }
  try {
    return read(envelope['metadata'])
  } catch (cause) {
    throw unavailable('The server sent an answer that is not what it must be', { cause: new Error(explain(cause)) })
  }
}

async function readBounded(reply: IncomingMessage): Promise<string> {
  const chunks: Buffer[] = []
  let size = 0
  const timer = setTimeout(() => reply.destroy(unavailable('The server takes too long to answer')), maxTime)
  try {
    for await (const chunk of reply as AsyncIterable<Buffer>) {
      size += chunk.length
      if (size > maxBytes) throw unavailable(`The server sent an answer of more than ${maxBytes} bytes`)
      chunks.push(chunk)
    }
  } catch (cause) {
    if (cause instanceof Failure) throw cause
    throw unavailable('The server ended its answer early', { cause })
  } finally {
    clearTimeout(timer)
    reply.destroy()
  }
  return Buffer.concat(chunks).toString()
}

function parse(text: string, status: number): Record<string, unknown> {
  let json: unknown
  try {
    json = JSON.parse(text)
  } catch {
    json = undefined
  }
  if (typeof json === 'object' && json !== null) return json as Record<string, unknown>
  throw unavailable(`The server answered with status ${status} and no JSON: it is no LXD server`)
}

/** What another server says goes into messages and logs of ours. */
function printable(error: unknown, status: number): string {
  if (typeof error !== 'string') return `status ${status}`
  return error.replaceAll(/[\p{Cc}\p{Cf}]/gu, ' ').slice(0, maxMessage)
}
