import { listOf } from '#schema/common.ts'
import { Image } from '#schema/image.ts'
import { Operation } from '#schema/operation.ts'
import type { ImageRecord } from '#store/image-record.ts'
import { parseFilter } from '../filter.ts'
import { entityUrl, listReply } from '../list.ts'
import type { Reply } from '../reply.ts'
import { route } from '../route.ts'
import type { Request } from '../route.ts'
import type { Services } from '../services.ts'
import { addImage } from './add-image.ts'
import { imageJson } from './image.ts'

type Listing = Pick<Request, 'project' | 'trusted' | 'recursion' | 'query'>

/** The images of a project: to clients that are not trusted, the public ones of the project "default". */
function listImages(services: Services, request: Listing): Reply {
  const { project, trusted } = request
  const matches = parseFilter(request.query['filter'])
  const visible = trusted ? services.images.list(project) : services.images.listPublic(project)
  const object = (image: ImageRecord) => imageJson(services, image, request)
  const shown = request.query['filter'] ? visible.filter((image) => matches(object(image))) : visible
  return listReply(request, shown, {
    url: (image: ImageRecord) => entityUrl(['images', image.fingerprint]),
    object,
  })
}

export const images = route('/1.0/images', {
  get: {
    doc: 'List the images: to clients that are not trusted, the public ones.',
    access: 'untrusted',
    reply: listOf(Image),
    handle: (services, request) => listImages(services, request),
  },
  post: {
    doc: 'Add an image: sent as it is, as a form with the parts "metadata" and "rootfs", or fetched from another server. Who may not manage images needs the secret of an image that is expected.',
    access: 'untrusted',
    reply: Operation,
    handle: (services, request) => addImage(services, request),
  },
})
