import { Busboy } from '@fastify/busboy'
import { createHash } from 'node:crypto'
import type { Hash } from 'node:crypto'
import { open, rm } from 'node:fs/promises'
import type { Readable } from 'node:stream'
import { finished } from 'node:stream/promises'
import { badRequest, notImplemented } from '#base/failure.ts'
import type { ImageFiles, ImagePaths } from './image-files.ts'
import type { UploadMeter } from './upload-quota.ts'

/** An image that was received and is on disk, in files that go when this is disposed. */
export interface Upload extends AsyncDisposable {
  readonly paths: ImagePaths
  /** SHA-256 of all bytes, in hex. */
  readonly fingerprint: string
  /** Bytes of all files. */
  readonly size: number
  /** What the client calls it. */
  readonly filename: string
}

interface Received {
  readonly size: number
  readonly digest: string
}

/** The parts of a form, in the order in which they are hashed. */
type Part = 'metadata' | 'rootfs'

interface ReceivedPart {
  readonly filename: string
  readonly file: Readable
  readonly done: Promise<Received>
}

/** How an upload is received. */
export interface UploadOptions {
  readonly contentType: string
  readonly filename: string
  readonly signal: AbortSignal
  /** Whether the sender is one we asked to send, and that may be cut off. */
  readonly asked?: boolean
  /** Counts the bytes, and is done with together with the upload. */
  readonly meter: UploadMeter
}

/** Milliseconds a client gets to send the rest of an image that was refused. */
const maxDrain = 60_000

/**
 * Receives an image as clients send it: as it is (one file), or as a form with the parts `metadata` and `rootfs`.
 * Bytes are hashed as they are written. Where it fails, nothing is left.
 */
export async function receiveUpload(stream: Readable, files: ImageFiles, options: UploadOptions): Promise<Upload> {
  stream.on('error', ignore)
  const paths = files.newUploadPaths()
  const { meter } = options
  const discard = async () => {
    meter[Symbol.dispose]()
    await Promise.all([rm(paths.metadata, { force: true }), rm(paths.rootfs, { force: true })])
  }
  try {
    const received = options.contentType.startsWith('multipart/form-data')
      ? await receiveForm(stream, paths, options)
      : { ...(await receiveFile(stream, paths.metadata, { meter })), filename: options.filename, split: false }
    options.signal.throwIfAborted()
    const { size, filename, split } = received
    return {
      size,
      filename: cleanFilename(filename),
      fingerprint: received.digest,
      paths: { metadata: paths.metadata, rootfs: split ? paths.rootfs : undefined },
      [Symbol.asyncDispose]: discard,
    }
  } catch (error) {
    await discard()
    if (options.asked) stream.destroy()
    else await drain(stream)
    throw explainWrite(error)
  }
}

/** Lets the client finish sending, for a while: many report a broken connection rather than read the reply before. */
async function drain(stream: Readable): Promise<void> {
  stream.unpipe()
  stream.resume()
  await finished(stream, { signal: AbortSignal.timeout(maxDrain) }).catch(() => {})
}

/** Writes a stream to a new file, on disk when this resolves, and hashes it. */
async function receiveFile(
  stream: Readable,
  path: string,
  { meter, hash = createHash('sha256') }: { readonly meter: UploadMeter; readonly hash?: Hash },
): Promise<Received> {
  await using file = await open(path, 'wx', 0o600)
  let size = 0
  // Where writing fails the stream must live on: a client that is still sending is to get its reply.
  for await (const chunk of stream.iterator({ destroyOnReturn: false }) as AsyncIterable<Buffer>) {
    meter.take(chunk.length)
    hash.update(chunk)
    await file.appendFile(chunk)
    size += chunk.length
  }
  await file.sync()
  if (size === 0) throw badRequest('Cannot import the image: it is empty')
  return { size, digest: hash.copy().digest('hex') }
}

function openForm(contentType: string) {
  try {
    return new Busboy({
      headers: { 'content-type': contentType },
      limits: { parts: 2, files: 2, fields: 0, fileSize: Infinity, headerPairs: 16, headerSize: 8192 },
    })
  } catch (cause) {
    throw badRequest('Invalid header "content-type": expected a form with a boundary', { cause })
  }
}

async function receiveForm(
  stream: Readable,
  paths: Readonly<Record<Part, string>>,
  { contentType, signal, meter }: UploadOptions,
): Promise<Received & { readonly filename: string; readonly split: boolean }> {
  const form = openForm(contentType)
  const hash = createHash('sha256')
  const parts: ReceivedPart[] = []
  let refused: unknown

  form.on('error', ignore)
  form.on('file', (name, file, filename) => {
    file.on('error', ignore)
    try {
      const path = paths[readPart(name, parts.length)]
      // One after the other: they share the hash.
      const before = parts.at(-1)?.done ?? Promise.resolve()
      const done = before.then(() => receiveFile(file, path, { meter, hash }))
      done.catch((error: unknown) => form.destroy(error as Error))
      parts.push({ filename, file, done })
    } catch (error) {
      refused ??= error
      file.resume()
    }
  })
  finished(stream, { writable: false }).catch((error: unknown) => form.destroy(error as Error))
  stream.pipe(form)
  try {
    await finished(form, { signal })
  } catch (cause) {
    const failure = badRequest('Cannot read the form', { cause })
    refused ??= failure
    for (const { file } of parts) file.destroy(failure)
  }
  for (const result of await Promise.allSettled(parts.map(({ done }) => done))) {
    if (result.status === 'rejected') throw result.reason
  }
  if (refused) throw refused
  const [metadata, rootfs] = await Promise.all(parts.map(({ done }) => done))
  if (!metadata || !rootfs) throw badRequest('Cannot read the form: expected the parts "metadata" and "rootfs"')
  return { size: metadata.size + rootfs.size, digest: rootfs.digest, filename: parts[1]?.filename ?? '', split: true }
}

/** Whoever reads a stream hears of its errors; one that comes when nobody does must not end the daemon. */
function ignore(): void {}

/** The hash goes over the metadata first, so the parts must come in this order. */
function readPart(name: string, index: number): Part {
  if (name === 'rootfs.img') throw notImplemented('Cannot import the image: virtual machines are not supported')
  const expected = index === 0 ? 'metadata' : 'rootfs'
  if (name !== expected) throw badRequest(`Cannot read the form: expected the part "${expected}", found "${name}"`)
  return expected
}

/** A name, without directories and without what would garble a list. */
export function cleanFilename(name: string): string {
  return name
    .replace(/^.*[/\\]/s, '')
    .replaceAll(/\p{Cc}/gu, '')
    .slice(0, 255)
}

function explainWrite(error: unknown): unknown {
  const code = (error as { code?: unknown }).code
  if (code === 'ENOSPC' || code === 'EDQUOT') {
    return new Error('Cannot store the image: no space left on the device of LXD_DIR/images', { cause: error })
  }
  if (code === 'ECONNRESET' || code === 'ABORT_ERR' || code === 'ERR_STREAM_PREMATURE_CLOSE') {
    return badRequest('Cannot receive the image: the client went away', { cause: error })
  }
  return error
}
