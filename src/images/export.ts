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
  const extension = await recogniseArchive(paths.metadata)
  const metadata = await open(paths.metadata)
  if (paths.rootfs === undefined) {
    const { size, mtime } = await metadata.stat()
    return {
      body: metadata.createReadStream(),
      headers: {
        'content-disposition': `inline;filename=${fingerprint}.${extension}`,
        'content-length': String(size),
        'content-type': 'application/octet-stream',
        'last-modified': mtime.toUTCString(),
      },
    }
  }
  const rootfsExtension = await recogniseArchive(paths.rootfs)
  const boundary = randomBytes(30).toString('hex')
  const parts = [
    { name: 'metadata', filename: `meta-${fingerprint}.${extension}`, file: metadata },
    { name: 'rootfs', filename: `${fingerprint}.${rootfsExtension}`, file: await open(paths.rootfs) },
  ]
  return {
    body: Readable.from(form(boundary, parts), { objectMode: false }),
    headers: { 'content-type': `multipart/form-data; boundary=${boundary}` },
  }
}

interface Part {
  readonly name: string
  readonly filename: string
  readonly file: FileHandle
}

async function* form(boundary: string, parts: readonly Part[]): AsyncGenerator<Buffer> {
  try {
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
  } finally {
    await Promise.all(parts.map(({ file }) => file.close()))
  }
}
