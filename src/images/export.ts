import { randomBytes } from 'node:crypto'
import { open } from 'node:fs/promises'
import type { FileHandle } from 'node:fs/promises'
import { Readable } from 'node:stream'
import { recogniseArchive } from '#host/archives.ts'
import type { ImageRecord } from '#store/image-record.ts'
import type { ImagePaths } from './image-files.ts'

/** An image on its way out, in the form in which it was sent in. */
export interface ImageExport {
  readonly body: Readable
  readonly headers: Readonly<Record<string, string>>
}

/** Opens the files of an image to be sent: from here on they may be removed. */
export async function exportImage({ fingerprint }: ImageRecord, paths: ImagePaths): Promise<ImageExport> {
  await using opened = new AsyncDisposableStack()
  const metadata = opened.use(await open(paths.metadata))
  const extension = await recogniseArchive(paths.metadata)
  if (paths.rootfs === undefined) {
    const { size, mtime } = await metadata.stat()
    const headers = {
      'content-disposition': `inline;filename=${fingerprint}.${extension}`,
      'content-length': String(size),
      'content-type': 'application/octet-stream',
      'last-modified': mtime.toUTCString(),
    }
    // This stream closes its file itself, and one that does not would never say that it ended.
    const body = metadata.createReadStream()
    opened.move()
    return { body, headers }
  }
  const rootfs = opened.use(await open(paths.rootfs))
  const boundary = randomBytes(30).toString('hex')
  const parts = [
    { name: 'metadata', filename: `meta-${fingerprint}.${extension}`, file: metadata },
    { name: 'rootfs', filename: `${fingerprint}.${await recogniseArchive(paths.rootfs)}`, file: rootfs },
  ]
  const body = Readable.from(form(boundary, parts), { objectMode: false })
  return {
    body: closing(body, opened.move()),
    headers: { 'content-type': `multipart/form-data; boundary=${boundary}` },
  }
}

/** A stream that closes files when it ends, and when it is given up before it has begun. */
function closing(stream: Readable, files: AsyncDisposableStack): Readable {
  stream.once('close', () => void files.disposeAsync())
  return stream
}

interface Part {
  readonly name: string
  readonly filename: string
  readonly file: FileHandle
}

async function* form(boundary: string, parts: readonly Part[]): AsyncGenerator<Buffer> {
  for (const [index, { name, filename, file }] of parts.entries()) {
    const head = [
      `${index === 0 ? '' : '\r\n'}--${boundary}`,
      `Content-Disposition: form-data; name="${name}"; filename="${filename}"`,
      'Content-Type: application/octet-stream',
    ]
    yield Buffer.from(`${head.join('\r\n')}\r\n\r\n`)
    yield* file.createReadStream({ autoClose: false, highWaterMark: 256 << 10 }) as AsyncIterable<Buffer>
  }
  yield Buffer.from(`\r\n--${boundary}--\r\n`)
}
