import type { IncomingMessage } from 'node:http'
import { machine } from 'node:os'
import { badRequest, unavailable } from '#base/failure.ts'
import { serverVersion } from '#base/version.ts'
import { isFingerprint } from '../fingerprint.ts'
import { hostAndPort, parseLocation } from '../outbound.ts'
import type { ImageSource, RemoteAccess, RemoteImageQuery } from './source.ts'

/** The most an image may have, in bytes: as much as it may unpack to. */
const maxSize = 2 ** 38

/**
 * Web servers: a URL whose headers say where an image is and which hash it has. What an image server answers to HEAD:
 *
 *     LXD-Image-Hash: 2dad45c395ee…
 *     LXD-Image-URL: https://server/image.tar.xz
 */
export const directSource: ImageSource = {
  protocol: 'direct',

  async find(query, access) {
    const head = await ask(query, access, 'HEAD')
    const fingerprint = headerOf(head, 'lxd-image-hash')
    const url = headerOf(head, 'lxd-image-url')
    if (!isFingerprint(fingerprint)) {
      throw badRequest('The header "LXD-Image-Hash" of the URL must be the SHA-256 of an image, in 64 hex digits')
    }
    const at = parseLocation(url)
    if (!at) throw badRequest('The header "LXD-Image-URL" of the URL must be an https URL')
    const found = await ask({ ...query, server: at.server, name: at.path }, access, 'HEAD')
    const size = Number(headerOf(found, 'content-length'))
    if (!Number.isSafeInteger(size) || size <= 0 || size > maxSize) {
      throw unavailable(`The server "${hostAndPort(at.server)}" does not say how large the image is`)
    }
    const filename = at.path.split('?', 1)[0] ?? ''
    return { fingerprint, size, filename, location: url, alias: undefined, properties: undefined, expiresAt: undefined }
  },

  async open(query, { location }, access) {
    const at = parseLocation(location ?? '')
    if (!at) throw badRequest('The image has no URL')
    const stream = await ask({ ...query, server: at.server, name: at.path }, access, 'GET')
    return { stream, contentType: stream.headers['content-type'] ?? '' }
  },
}

/** The answer to a request, of which only a plain success counts. */
async function ask(
  { server, name: path }: Pick<RemoteImageQuery, 'server' | 'name'>,
  { outbound, reach, signal }: RemoteAccess,
  method: 'HEAD' | 'GET',
): Promise<IncomingMessage> {
  if (!/^\/[\x21-\x7e]*$/.test(path)) throw badRequest('Invalid "source": expected a path and query, encoded')
  const headers = { 'lxd-server-architectures': machine(), 'lxd-server-version': serverVersion }
  const reply = await outbound.request(server, { method, path, headers, reach, signal })
  if (reply.statusCode === 200) return method === 'HEAD' ? reply.destroy() : reply
  reply.destroy()
  throw unavailable(`The server "${hostAndPort(server)}" answered with status ${reply.statusCode}, expected 200`)
}

function headerOf({ headers }: IncomingMessage, name: string): string {
  const value = headers[name]
  return typeof value === 'string' ? value : ''
}
