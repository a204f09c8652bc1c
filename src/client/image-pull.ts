import { badRequest } from '#base/failure.ts'

import { path, type Connection } from './connection.ts'
import { hostOf } from './endpoint.ts'
import type { Image } from './images.ts'
import type { Operation } from './operations.ts'
import { getServer } from './server.ts'

/** How a server gets an image from another one: part of a `source`. */
export interface ImagePull {
  readonly type: 'image'
  readonly mode: 'pull'
  readonly protocol: 'lxd'
  /** The other server's URL. */
  readonly server: string
  /** PEM of its certificate. */
  readonly certificate: string
  /** Good for one fetch of an image that is not public. */
  readonly secret?: string
  readonly fingerprint: string
}

/**
 * The ways for another server to get an image from the one `connection` leads to, one for each of its addresses. A
 * secret is for one of them: ask again before the next is tried.
 *
 * @throws {Failure} when that server does not listen on the network
 */
export async function imagePulls(
  connection: Connection,
  image: Pick<Image, 'fingerprint' | 'public'>,
): Promise<(() => Promise<ImagePull>)[]> {
  const { environment } = (await getServer(connection)).server
  const { endpoint } = connection
  const own = endpoint.kind === 'https' ? [hostOf(endpoint)] : []
  const addresses = [...new Set([...own, ...(environment.addresses ?? [])])]
  if (addresses.length === 0) throw badRequest("The source server isn't listening on the network")

  const { fingerprint } = image
  return addresses.map((address) => async () => ({
    type: 'image',
    mode: 'pull',
    protocol: 'lxd',
    server: `https://${address}`,
    certificate: environment.certificate ?? '',
    ...(image.public ? {} : { secret: await imageSecret(connection, fingerprint) }),
    fingerprint,
  }))
}

async function imageSecret(connection: Connection, fingerprint: string): Promise<string> {
  const reply = await connection.request<Operation>('POST', path`/1.0/images/${fingerprint}/secret`)
  const secret = reply.metadata.metadata?.['secret']
  if (typeof secret !== 'string') throw badRequest('The source server gives no secret for its image')
  return secret
}
