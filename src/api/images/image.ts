import { zeroTime } from '#schema/decode.ts'
import { Image, ImagePatch, ImagePut } from '#schema/image.ts'
import { Operation } from '#schema/operation.ts'
import type { ImageRecord, UpdateSource } from '#store/image-record.ts'
import { done, operation, sync } from '../reply.ts'
import { route } from '../route.ts'
import type { Request } from '../route.ts'
import type { Services } from '../services.ts'

/** An image as the API shows it. */
export function imageJson(services: Services, image: ImageRecord, { trusted }: { readonly trusted: boolean }): Image {
  const aliases = services.images.aliases.list(image.project).filter(({ target }) => target === image.fingerprint)
  return {
    auto_update: image.autoUpdate,
    properties: sortKeys(image.properties),
    public: image.public,
    expires_at: image.expiresAt,
    profiles: [...services.images.profilesOf(image)],
    aliases: aliases.map(({ name, description }) => ({ name, description })),
    architecture: image.architecture,
    cached: image.cached,
    filename: image.filename,
    fingerprint: image.fingerprint,
    size: image.size,
    type: image.type,
    created_at: image.createdAt,
    last_used_at: image.lastUsedAt,
    uploaded_at: image.uploadedAt,
    // Where the server has its images from is not a stranger's business.
    ...(image.updateSource && trusted ? { update_source: sourceJson(image.updateSource) } : {}),
  }
}

function sourceJson({ alias, certificate, protocol, server, imageType }: UpdateSource) {
  return { alias, certificate, protocol: protocol || 'lxd', server, image_type: imageType }
}

/**
 * The image a request names. To a client that is not trusted there are none but the public ones of the project
 * "default", and the one it has a secret for; asking for another is answered as asking for one that nobody has.
 */
export function findImage(
  services: Services,
  { project, params, trusted, query }: Pick<Request<'{fingerprint}'>, 'project' | 'params' | 'trusted' | 'query'>,
  use: 'look' | 'fetch' = 'look',
): ImageRecord {
  const { images, projects } = services
  const { fingerprint } = params
  if (trusted) return images.get(project, fingerprint)
  const secret = query['secret'] ?? ''
  if (secret !== '') {
    const image = projects.has(project) ? images.find(project, fingerprint) : undefined
    if (image && images.secrets.allows(secret, image, use)) return image
  }
  return images.getPublic(project, fingerprint)
}

function sortKeys(map: Readonly<Record<string, string>>): Record<string, string> {
  return Object.fromEntries(Object.entries(map).toSorted(([a], [b]) => (a < b ? -1 : 1)))
}

/** What a client may change is what its If-Match is about. */
function etag(image: ImageRecord): unknown {
  return [image.public, image.autoUpdate, image.properties, image.profiles, image.expiresAt]
}

/** A time that was never set stands for "as it is". */
export function readExpiry(time: string | undefined): string | undefined {
  return time === zeroTime ? undefined : time
}

export const image = route('/1.0/images/{fingerprint}', {
  get: {
    doc: 'Get an image.',
    access: 'untrusted',
    reply: Image,
    handle(services, request) {
      const found = findImage(services, request)
      return sync(imageJson(services, found, request), etag(found))
    },
  },
  put: {
    doc: 'Replace what can be changed of an image.',
    access: 'manage-images',
    body: ImagePut,
    async handle(services, request) {
      const { body, checkEtag, requestor } = request
      const now = findImage(services, request)
      checkEtag(etag(now))
      const { public: isPublic, properties, profiles } = body
      const input = { public: isPublic, autoUpdate: body.auto_update, properties, profiles }
      await services.images.update(now, { ...input, expiresAt: readExpiry(body.expires_at) }, requestor)
      return done()
    },
  },
  patch: {
    doc: 'Change parts of an image.',
    access: 'manage-images',
    body: ImagePatch,
    async handle(services, request) {
      const { body, checkEtag, requestor } = request
      const now = findImage(services, request)
      checkEtag(etag(now))
      const input = {
        public: body.public ?? now.public,
        autoUpdate: body.auto_update ?? now.autoUpdate,
        properties: { ...now.properties, ...body.properties },
        profiles: body.profiles ?? now.profiles,
        expiresAt: readExpiry(body.expires_at),
      }
      await services.images.update(now, input, requestor)
      return done()
    },
  },
  delete: {
    doc: 'Delete an image and its aliases.',
    access: 'manage-images',
    reply: Operation,
    handle(services, request) {
      const found = findImage(services, request)
      const started = services.operations.start({
        description: 'Deleting image',
        project: request.project,
        requestor: request.requestor,
        resources: { images: [`/1.0/images/${found.fingerprint}`] },
        work: () => services.images.delete(found, request.requestor),
      })
      return operation(started)
    },
  },
})
