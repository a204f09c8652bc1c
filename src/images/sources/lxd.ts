import type { IncomingMessage } from 'node:http'
import { badRequest, notFound, unavailable } from '#base/failure.ts'
import { decode } from '#schema/decode.ts'
import { Image, ImageAliasesEntry } from '#schema/image.ts'
import { isFingerprint } from '../fingerprint.ts'
import { hostAndPort } from '../outbound.ts'
import { readAnswer } from '../remote-answer.ts'
import type { ImageSource, RemoteAccess, RemoteImageQuery } from './source.ts'

/** The most an image may have, in bytes: as much as it may unpack to. */
const maxSize = 2 ** 38

const maxProperties = 1000

/** LXD servers: the REST API, asked as a stranger would. */
export const lxdSource: ImageSource = {
  protocol: 'lxd',

  async find(query, access) {
    const { name, server } = query
    const target = await findAlias(query, access)
    const wanted = target ?? name
    const reply = await get(query, access, `/1.0/images/${encodeURIComponent(wanted)}`)
    const image = await readAnswer(reply, (json) => decode(Image, json))
    if (!image) throw notFound(`Image "${name}" not found on the server "${hostAndPort(server)}"`)
    try {
      check(image, { wanted, imageType: query.imageType })
    } catch (cause) {
      throw unavailable(`The server "${hostAndPort(server)}" does not have the image "${name}"`, { cause })
    }
    const { fingerprint, size, filename, properties, expires_at: expiresAt } = image
    return { fingerprint, size, filename, properties, expiresAt, alias: target === undefined ? undefined : name }
  },

  async open(query, { fingerprint }, access) {
    const reply = await get(query, access, `/1.0/images/${fingerprint}/export`)
    if (reply.statusCode !== 200) {
      const missing = (await readAnswer(reply, () => undefined)) ?? notFound('Image not found')
      throw unavailable(`The server "${hostAndPort(query.server)}" does not send the image`, { cause: missing })
    }
    return { stream: reply, contentType: reply.headers['content-type'] ?? '' }
  },
}

/** The fingerprint an alias stands for. */
async function findAlias(query: RemoteImageQuery, access: RemoteAccess): Promise<string | undefined> {
  if (isFingerprint(query.name)) return undefined
  const reply = await get(query, access, `/1.0/images/aliases/${encodeURIComponent(query.name)}`)
  const alias = await readAnswer(reply, (json) => decode(ImageAliasesEntry, json))
  return alias?.target
}

async function get(query: RemoteImageQuery, access: RemoteAccess, path: string): Promise<IncomingMessage> {
  const { outbound, reach, signal } = access
  const values = new URLSearchParams({
    ...(query.project === '' || query.project === 'default' ? {} : { project: query.project }),
    ...(query.secret === '' ? {} : { secret: query.secret }),
  })
  const suffix = values.size > 0 ? `?${values.toString()}` : ''
  return await outbound.request(query.server, { method: 'GET', path: `${path}${suffix}`, reach, signal })
}

/** Throws where an answer can't be about the image that was asked for, or not about one for here. */
function check(image: Image, { wanted, imageType }: { readonly wanted: string; readonly imageType: string }): void {
  const { fingerprint, size, type, properties } = image
  if (!isFingerprint(fingerprint) || !fingerprint.startsWith(wanted)) {
    throw badRequest(`expected the fingerprint "${wanted}", found "${fingerprint.slice(0, 100)}"`)
  }
  if (size <= 0 || size > maxSize) throw badRequest(`expected a size of 1 to ${maxSize} bytes, found ${size}`)
  const found = type || 'container'
  if (found !== 'container' || (imageType !== '' && imageType !== found)) {
    throw badRequest(`expected an image of type "${imageType || 'container'}", found "${found.slice(0, 100)}"`)
  }
  if (Object.keys(properties).length > maxProperties) throw badRequest(`more than ${maxProperties} properties`)
}
