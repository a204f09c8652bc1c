import type { IncomingMessage } from 'node:http'
import { badRequest } from '#base/failure.ts'

/** The most a JSON body may hold, in bytes: LXD's configuration fits many times over. */
const maxBody = 8 << 20

/** Reads the whole body of a request as JSON. An empty body is `{}`, as Go's decoder callers have it. */
export async function readJson(stream: IncomingMessage): Promise<unknown> {
  const chunks: Buffer[] = []
  let size = 0
  for await (const chunk of stream as AsyncIterable<Buffer>) {
    size += chunk.length
    if (size > maxBody) throw badRequest(`Invalid request body: larger than ${maxBody} bytes`)
    chunks.push(chunk)
  }
  if (size === 0) return {}
  try {
    return JSON.parse(Buffer.concat(chunks).toString())
  } catch (cause) {
    throw badRequest('Invalid request body: expected JSON', { cause })
  }
}
