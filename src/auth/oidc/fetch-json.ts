import { get as getPlain } from 'node:http'
import type { IncomingMessage } from 'node:http'
import { get as getSecure } from 'node:https'
import { getCACertificates } from 'node:tls'

/** How much of someone else's time and words is put up with. */
export interface Bounds {
  /** Milliseconds until all of the answer has come. */
  readonly timeout: number
  /** Bytes of the answer. */
  readonly size: number
}

/** Reads JSON at a URL: of an answer that is 200, small enough and in time. Redirections are not followed. */
export async function fetchJson(url: URL, { timeout, size }: Bounds): Promise<unknown> {
  const signal = AbortSignal.timeout(timeout)
  const { promise, resolve, reject } = Promise.withResolvers<IncomingMessage>()
  const options = { signal, agent: false as const, headers: { accept: 'application/json' } }
  const sent =
    url.protocol === 'https:'
      ? getSecure(url, { ...options, ca: authorities(), minVersion: 'TLSv1.2' }, resolve)
      : getPlain(url, options, resolve)
  sent.on('error', reject)
  try {
    const response = await promise
    if (response.statusCode !== 200) throw new Error(`the answer has status ${response.statusCode}`)
    return JSON.parse(await readAll(response, size)) as unknown
  } catch (cause) {
    const why = signal.aborted ? new Error(`no answer within ${timeout / 1000} seconds`) : cause
    throw new Error(`Cannot read ${url.href}`, { cause: why })
  } finally {
    sent.destroy()
  }
}

async function readAll(response: IncomingMessage, size: number): Promise<string> {
  const chunks: Buffer[] = []
  let length = 0
  for await (const chunk of response as AsyncIterable<Buffer>) {
    length += chunk.length
    if (length > size) throw new Error(`the answer is longer than ${size} bytes`)
    chunks.push(chunk)
  }
  return Buffer.concat(chunks).toString()
}

let known: string[] | undefined

/** Those of Mozilla and those the host's administrator added. */
function authorities(): string[] {
  known ??= [...new Set([...getCACertificates('default'), ...getCACertificates('system')])]
  return known
}
