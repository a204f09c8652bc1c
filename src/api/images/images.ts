import { badRequest, explain, notImplemented } from '#base/failure.ts'
import { parseBool } from '#config/key.ts'
import type { ImportInput } from '#images/images.ts'
import { listOf } from '#schema/common.ts'
import { Image } from '#schema/image.ts'
import { Operation } from '#schema/operation.ts'
import type { ImageRecord } from '#store/image-record.ts'
import { readJson } from '../body.ts'
import { parseFilter } from '../filter.ts'
import { entityUrl, listReply } from '../list.ts'
import { operation } from '../reply.ts'
import type { Reply } from '../reply.ts'
import { route } from '../route.ts'
import type { Request } from '../route.ts'
import type { Services } from '../services.ts'
import { imageJson } from './image.ts'

const maxHeaderValues = 1000

/** The images of a project: to clients that are not trusted, its public ones. */
function listImages(services: Services, request: Pick<Request, 'project' | 'trusted' | 'recursion' | 'query'>): Reply {
  const matches = parseFilter(request.query['filter'])
  const { images } = services
  const visible = request.trusted ? images.list(request.project) : images.listPublic(request.project)
  const shown = request.query['filter'] ? visible.filter((image) => matches(imageJson(services, image))) : visible
  return listReply(request, shown, {
    url: (image: ImageRecord) => entityUrl(['images', image.fingerprint]),
    object: (image) => imageJson(services, image),
  })
}

/** Receives an image; what is made of it goes on in the background. */
async function receiveImage(services: Services, request: Omit<Request, 'params'>): Promise<Reply> {
  const { project, headers, stream, signal, requestor } = request
  const { images } = services
  const contentType = headers['content-type'] ?? ''
  if (contentType.startsWith('application/json')) await refuseSource(request)
  const input = readHeaders(headers)
  const filename = headers['x-lxd-filename'] ?? ''
  const upload = await images.receive(project, stream, { contentType, filename, signal })
  const started = services.operations.start({
    description: 'Downloading image',
    project,
    requestor,
    async work({ signal: cancelled, metadata }) {
      metadata({ fingerprint: upload.fingerprint, size: String(upload.size) })
      await images.import(project, upload, { input, requestor, signal: cancelled })
    },
  })
  return operation(started)
}

/** Images can be made in other ways than by sending one: from an instance, a URL, another image. */
async function refuseSource({ stream }: Pick<Request, 'stream'>): Promise<never> {
  const body = (await readJson(stream)) as { readonly source?: { readonly type?: unknown } } | null
  const type = body?.source?.type
  if (typeof type !== 'string' || !['instance', 'container', 'snapshot', 'image', 'url'].includes(type)) {
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

export const images = route('/1.0/images', {
  get: {
    doc: 'List the images.',
    access: 'untrusted',
    reply: listOf(Image),
    handle: (services, request) => listImages(services, request),
  },
  post: {
    doc: 'Add an image, sent as it is or as a form with the parts "metadata" and "rootfs".',
    access: 'manage-images',
    reply: Operation,
    handle: (services, request) => receiveImage(services, request),
  },
})
