import { badRequest, unavailable } from '#base/failure.ts'
import { path, readText, type Connection } from '#client/connection.ts'
import { addressesOf } from '#client/image-pull.ts'
import { expectImage, sendImage, uploadImage, type Image } from '#client/images.ts'
import { cancelOperation, waitOperation, type WaitOptions } from '#client/operations.ts'

import { firstThatWorks } from '../first-that-works.ts'

/** An image and where it is to be. */
export interface Transfer {
  readonly source: Connection
  readonly image: Image
  readonly target: Connection
  readonly public: boolean
}

/** Has the source send an image to the target. */
export async function push({ source, image, target, ...put }: Transfer, options: WaitOptions): Promise<void> {
  const { fingerprint, properties, expires_at } = image
  const { addresses, certificate } = await addressesOf(target)
  if (addresses.length === 0) throw badRequest("The target server isn't listening on the network")

  await firstThatWorks(addresses, async (address) => {
    const token = await expectImage(target, { fingerprint, public: put.public, properties, expires_at })
    const secret = token.metadata?.['secret']
    try {
      if (typeof secret !== 'string') throw badRequest('The target server gives no secret for the image')
      const project = target.project ?? 'default'
      const sending = await sendImage(source, fingerprint, {
        target: `https://${address}`,
        certificate,
        secret,
        project,
      })
      await waitOperation(source, sending, options)
    } finally {
      // It is over where the image has come.
      await cancelOperation(target, token.id).catch(() => {})
    }
  })
}

/** Gets an image from the source and sends it to the target, as it comes. */
export async function relay({ source, image, target, ...put }: Transfer, options: WaitOptions): Promise<void> {
  await using reply = await source.open('GET', path`/1.0/images/${image.fingerprint}/export`)
  if (reply.status !== 200) throw unavailable(errorIn(await readText(reply.body, 1024 * 1024)))

  const length = reply.headers.get('content-length')
  const body = { chunks: reply.body, ...(length === undefined ? {} : { length: Number(length) }) }
  await uploadImage(
    target,
    body,
    {
      'Content-Type': reply.headers.get('content-type') ?? 'application/octet-stream',
      'X-LXD-fingerprint': image.fingerprint,
      'X-LXD-filename': image.filename,
      'X-LXD-properties': new URLSearchParams(image.properties).toString(),
      'X-LXD-public': String(put.public),
    },
    options,
  )
}

/** What a server says of why it refused. */
export function errorIn(body: string): string {
  try {
    return (JSON.parse(body) as { error?: string }).error || 'The server refused to export the image'
  } catch {
    return 'The server refused to export the image'
  }
}
