import { request } from 'node:http'
import type { IncomingHttpHeaders } from 'node:http'
import { text } from 'node:stream/consumers'
import { checkAnswer } from './answers.ts'

/** What a daemon answered: JSON, or the text of what isn't. */
export interface Answer {
  readonly status: number
  readonly headers: IncomingHttpHeaders
  readonly body: Json
}

/** JSON, of which a test knows what is in it. */
// eslint-disable-next-line typescript/no-explicit-any
export type Json = any

export interface CallOptions {
  /** JSON, or bytes sent as they are. */
  readonly body?: unknown
  readonly headers?: Readonly<Record<string, string>>
}

/**
 * Sends a request to the daemon on a Unix socket and asserts that the answer has the shape LXD's has. `pair` is the
 * method and path it belongs to, such as `GET /1.0/instances/{}`; none where LXD has no such path.
 */
export async function callSocket(
  socketPath: string,
  { method, url }: { readonly method: string; readonly url: string },
  { body, headers = {} }: CallOptions = {},
): Promise<Answer & { readonly pair: string | undefined }> {
  const { promise, resolve, reject } = Promise.withResolvers<Answer>()
  const sent = request({ socketPath, method, path: url, headers }, (response) => {
    text(response).then((received) => {
      const isJson = response.headers['content-type'] === 'application/json' && method !== 'HEAD'
      const answer = isJson ? (JSON.parse(received) as Json) : received
      resolve({ status: response.statusCode ?? 0, headers: response.headers, body: answer })
    }, reject)
  })
  sent.on('error', reject)
  sent.end(body === undefined || body instanceof Uint8Array ? body : JSON.stringify(body))

  const answer = await promise
  return { ...answer, pair: checkAnswer({ method, url }, answer) }
}
