import { badRequest } from '#base/failure.ts'

import { path, type Connection } from './connection.ts'
import { hostOf } from './endpoint.ts'
import type { Image } from './images.ts'
import type { Operation } from './operations.ts'
import { getServer, type Server } from './server.ts'

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
  /** What the image is to be found by: its fingerprint or, so that it can be followed, its alias. */
  readonly fingerprint?: string
  readonly alias?: string
  /** The project on the other server. */
  readonly project?: string
}

/** Where a server can be reached from others, the address that this client knows it by first: `host:port`. */
export async function addressesOf(
  connection: Connection,
): Promise<{ readonly addresses: readonly string[]; readonly certificate: string }> {
  // A stranger is told next to nothing, but has pinned the certificate.
  const environment: Partial<Server['environment']> = (await getServer(connection)).server.environment ?? {}
  const { endpoint } = connection
  const own = endpoint.kind === 'https' ? [hostOf(endpoint)] : []
  const pinned = endpoint.kind === 'https' ? endpoint.serverCert : undefined
  return {
    addresses: [...new Set([...own, ...(environment.addresses ?? [])])],
    certificate: pinned ?? environment.certificate ?? '',
  }
}

/**
 * The ways for another server to get an image from the one `connection` leads to, one for each of its addresses. A
 * secret is for one of them: ask again before the next is tried. `alias` is what the image was found by, if it was.
 *
 * @throws {Failure} when that server does not listen on the network
 */
export async function imagePulls(
  connection: Connection,
  image: Pick<Image, 'fingerprint' | 'public'>,
  alias?: string,
): Promise<(() => Promise<ImagePull>)[]> {
  const { addresses, certificate } = await addressesOf(connection)
  if (addresses.length === 0) throw badRequest("The source server isn't listening on the network")

  const { fingerprint } = image
  // What is public in another project, not every server shows to strangers.
  const isFree = image.public && (connection.project ?? 'default') === 'default'
  return addresses.map((address) => async () => ({
    type: 'image',
    mode: 'pull',
    protocol: 'lxd',
    server: `https://${address}`,
    certificate,
    ...(isFree ? {} : { secret: await imageSecret(connection, fingerprint) }),
    // Nobody but who has the secret finds a private image, which therefore can't be followed.
    ...(isFree && alias !== undefined ? { alias } : { fingerprint }),
    ...(connection.project === undefined ? {} : { project: connection.project }),
  }))
}

async function imageSecret(connection: Connection, fingerprint: string): Promise<string> {
  const reply = await connection.request<Operation>('POST', path`/1.0/images/${fingerprint}/secret`)
  const secret = reply.metadata.metadata?.['secret']
  if (typeof secret !== 'string') throw badRequest('The source server gives no secret for its image')
  return secret
}
