import { badRequest } from '#base/failure.ts'
import type { RemoteSource } from '#images/downloads.ts'
import type { ImagesPost } from '#schema/image.ts'
import type { InstanceSource } from '#schema/instance.ts'
import { operation } from '../reply.ts'
import type { Reply } from '../reply.ts'
import type { Request } from '../route.ts'
import type { Services } from '../services.ts'
import { readExpiry } from './image.ts'
import { reachOf } from './reach.ts'

type SourceInBody = Pick<
  InstanceSource,
  'server' | 'protocol' | 'certificate' | 'alias' | 'fingerprint' | 'secret' | 'mode'
>

/** What a body says of an image on another server. */
export function readRemoteSource(
  source: SourceInBody & { readonly image_type?: string; readonly project: string },
  may: Request['may'],
): RemoteSource {
  if (source.mode !== '' && source.mode !== 'pull') {
    throw badRequest(`Invalid "source.mode" "${source.mode.slice(0, 100)}": expected pull`)
  }
  const { server, protocol, certificate, secret, project } = source
  const name = source.fingerprint || source.alias
  return {
    server,
    protocol,
    certificate,
    secret,
    project,
    name,
    imageType: source.image_type ?? '',
    reach: reachOf(may),
  }
}

/** Fetches an image from another server, in the background. */
export function fetchImage(
  services: Services,
  { project, requestor, may }: Pick<Request, 'project' | 'requestor' | 'may'>,
  post: ImagesPost,
): Reply {
  const { downloads, operations } = services
  const source = readRemoteSource(post.source, may)
  downloads.check(source)
  const started = operations.start({
    description: 'Downloading image',
    project,
    requestor,
    mayCancel: true,
    async work({ signal, progress, metadata }) {
      const { properties, profiles, aliases } = post
      const expiresAt = readExpiry(post.expires_at)
      const input = { public: post.public, autoUpdate: post.auto_update, properties, profiles, aliases, expiresAt }
      const request = { project, source, cached: false, requestor, ...input }
      const image = await downloads.fetch(request, { signal, progress })
      metadata({ fingerprint: image.fingerprint, size: String(image.size) })
    },
  })
  return operation(started)
}
