// Bodies of several files (RFC 7578, the framing of RFC 2046 section 5.1), as
// split images are sent and received.
import { unavailable } from '#base/failure.ts'

import type { Incoming } from './incoming.ts'

/** Bytes the head of a part may have. */
const MAX_HEAD = 16 * 1024

/** A file to send. */
export interface PartToSend {
  readonly name: string
  readonly filename: string
  readonly chunks: AsyncIterable<Uint8Array>
}

/** The body that carries `parts`. The boundary must not occur in them. */
export async function* writeMultipart(parts: readonly PartToSend[], boundary: string): AsyncGenerator<Uint8Array> {
  for (const { name, filename, chunks } of parts) {
    yield Buffer.from(
      `--${boundary}\r\nContent-Disposition: form-data; name="${quoted(name)}"; filename="${quoted(filename)}"\r\n` +
        'Content-Type: application/octet-stream\r\n\r\n',
    )
    yield* chunks
    yield Buffer.from('\r\n')
  }
  yield Buffer.from(`--${boundary}--\r\n`)
}

function quoted(text: string): string {
  return text.replaceAll(/["\r\n]/g, (letter) => encodeURIComponent(letter))
}

/** A file that has come. Its chunks have to be read before the next part. */
export interface PartReceived {
  readonly name: string
  readonly filename: string
  readonly chunks: AsyncIterable<Uint8Array>
}

/** The parts of a body, one after the other. */
export async function* readMultipart(incoming: Incoming, boundary: string): AsyncGenerator<PartReceived> {
  const mark = Buffer.from(`\r\n--${boundary}`)
  const first = await incoming.until('\r\n', MAX_HEAD)
  if (first !== `--${boundary}`) throw unavailable('The server sent a malformed multipart body')

  for (let count = 0; count < 100; count++) {
    const head = await incoming.until('\r\n\r\n', MAX_HEAD)
    if (head === undefined) throw unavailable('The server closed the connection in the middle of a multipart body')
    yield {
      name: /\bname="([^"]*)"/.exec(head)?.[1] ?? '',
      filename: /\bfilename="([^"]*)"/.exec(head)?.[1] ?? '',
      chunks: incoming.upTo(mark),
    }
    if ((await incoming.until('\r\n', MAX_HEAD)) === '--') return
  }
  throw unavailable('The server sent too many parts')
}

/** The boundary a `Content-Type` names; undefined where it is no multipart. */
export function boundaryOf(contentType: string | undefined): string | undefined {
  const match = /^multipart\/[\w-]+;.*\bboundary=(?:"([^"]{1,70})"|([^";\s]{1,70}))/i.exec(contentType ?? '')
  return match?.[1] ?? match?.[2]
}
