import { badRequest, explain, forbidden, notImplemented, unavailable } from '#base/failure.ts'
import { parseBool } from '#config/key.ts'
import { isFingerprint } from '#images/fingerprint.ts'
import type { ImportInput } from '#images/images.ts'
import { hostAndPort, parseLocation } from '#images/outbound.ts'
import { newSecret } from '#base/id.ts'
import { decode } from '#schema/decode.ts'
import { ImagesPost } from '#schema/image.ts'
import { readJson } from '../body.ts'
import { decide } from '../decide.ts'
import { operation } from '../reply.ts'
import type { Reply } from '../reply.ts'
import type { Request } from '../route.ts'
import type { Services } from '../services.ts'
import { fetchImage } from './fetch-image.ts'
import { readExpiry } from './image.ts'
import { secretOperation } from './secret-operation.ts'

type Adding = Omit<Request, 'params'>

const maxHeaderValues = 1000

/** Milliseconds between two signs of life of a server that sends an image. */
const maxSilence = 60_000

/**
 * Adds an image in one of the ways there are. A server that sends one in a client's name shows the secret that client
 * has got for it; anyone else must be allowed to manage the project's images.
 */
export async function addImage(services: Services, request: Adding): Promise<Reply> {
  const expected = findExpected(services, request)
  if (expected) return await receiveImage(services, request, { input: expected, isPushed: true })
  const { identity, query, headers } = request
  if (!identity.trusted) throw forbidden('not authorized')
  const inQuery = query['project'] || undefined
  decide(identity, { access: 'manage-images', inPath: undefined, inQuery, allProjects: false }, services.projects)

  const body = (headers['content-type'] ?? '').startsWith('application/json')
    ? await readJson(request.stream, request)
    : undefined
  if (body === undefined) {
    return await receiveImage(services, request, { input: readHeaders(headers), isPushed: false })
  }
  const post = decode(ImagesPost, body)
  if (post.source.mode === 'push') return expectImage(services, request, post)
  if (post.source.type === 'image') return fetchImage(services, request, post)
  if (post.source.type === 'url') return fetchImage(services, request, withUrl(post))
  return refuseSource(post.source.type)
}

/** What is known of an image whose secret the request shows. */
function findExpected({ images }: Services, { headers, project }: Adding): ImportInput | undefined {
  const secret = headers['x-lxd-secret'] ?? ''
  const fingerprint = headers['x-lxd-fingerprint'] ?? ''
  if (secret === '' || fingerprint === '') return undefined
  return images.pushSecrets.take(secret, { project, fingerprint })?.input
}

/** Receives an image; what is made of it goes on in the background. */
async function receiveImage(
  services: Services,
  { project, headers, stream, signal, requestor }: Adding,
  { input, isPushed }: { readonly input: ImportInput; readonly isPushed: boolean },
): Promise<Reply> {
  const { images, operations } = services
  const contentType = headers['content-type'] ?? ''
  // A server that falls silent in the middle is not waited for.
  if (isPushed) stream.setTimeout(maxSilence, () => stream.destroy(unavailable('The server sends nothing any more')))
  const upload = await images.receive(project, stream, {
    contentType,
    filename: headers['x-lxd-filename'] ?? '',
    signal,
  })
  if (isPushed) stream.setTimeout(0)
  const started = operations.start({
    description: 'Downloading image',
    project,
    requestor,
    // With it the other server, which is no client of ours, may wait for the end.
    ...(isPushed ? { privateMetadata: { secret: newSecret() } } : {}),
    async work({ signal: cancelled, metadata }) {
      metadata({ fingerprint: upload.fingerprint, size: String(upload.size) })
      await images.import(project, upload, { input, requestor, signal: cancelled })
    },
  })
  return operation(started)
}

/** Announces an image that another server will send, and gives out the secret for it. */
function expectImage(services: Services, { project, requestor }: Adding, post: ImagesPost): Reply {
  const { fingerprint } = post.source
  if (!isFingerprint(fingerprint)) {
    throw badRequest(`Invalid "source.fingerprint" "${fingerprint.slice(0, 100)}": expected 64 hex digits`)
  }
  const { properties, profiles, aliases } = post
  const input = {
    fingerprint,
    public: post.public,
    properties,
    profiles,
    aliases,
    expiresAt: readExpiry(post.expires_at),
  }
  services.images.aliases.additions(services.images.homeOf(project), fingerprint, aliases)
  const { secret, ...token } = services.images.pushSecrets.add({ project, fingerprint, input })
  const metadata = { aliases, expires_at: post.expires_at, properties, public: post.public }
  return operation(
    services.operations.start(secretOperation({ project, requestor, fingerprint, secret, metadata }, token)),
  )
}

/** The source that a URL is. */
function withUrl(post: ImagesPost): ImagesPost {
  const { url } = post.source
  const at = parseLocation(url)
  if (!at) throw badRequest(`Invalid "source.url" "${url.slice(0, 200)}": expected an https URL`)
  const { server, path } = at
  const found = { server: `https://${hostAndPort(server)}`, protocol: 'direct', fingerprint: path }
  return { ...post, source: { ...post.source, ...found, alias: '', certificate: '', secret: '', project: '' } }
}

/** Images can be made in other ways: from an instance or a snapshot. */
function refuseSource(type: string): never {
  if (!['instance', 'container', 'snapshot'].includes(type)) {
    throw badRequest('Invalid request: "source.type" must be one of instance, snapshot, image and url')
  }
  throw notImplemented(`Cannot make an image from a source of type "${type}": this is not supported`)
}

function readHeaders(headers: Request['headers']): ImportInput {
  const profiles = readQuery(headers, 'x-lxd-profiles').getAll('profile')
  return {
    fingerprint: headers['x-lxd-fingerprint'] || undefined,
    public: readBool(headers, 'x-lxd-public'),
    properties: Object.fromEntries(readQuery(headers, 'x-lxd-properties')),
    profiles: profiles.length > 0 ? profiles : undefined,
  }
}

function readQuery(headers: Request['headers'], name: string): URLSearchParams {
  const query = new URLSearchParams(headers[name] ?? '')
  if (query.size > maxHeaderValues) throw badRequest(`Invalid header "${name}": more than ${maxHeaderValues} values`)
  return query
}

function readBool(headers: Request['headers'], name: string): boolean {
  const text = headers[name] ?? ''
  try {
    return text !== '' && parseBool(text)
  } catch (error) {
    throw badRequest(`Invalid header "${name}": ${explain(error)}`)
  }
}
