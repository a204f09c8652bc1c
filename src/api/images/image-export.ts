import { exportImage } from '#images/export.ts'
import { pushImage, readTarget } from '#images/push.ts'
import { ImageExportPost } from '#schema/image.ts'
import { Operation } from '#schema/operation.ts'
import { operation, raw } from '../reply.ts'
import { route } from '../route.ts'
import { findImage } from './image.ts'
import { reachOf } from './reach.ts'

export const imageExport = route('/1.0/images/{fingerprint}/export', {
  get: {
    doc: 'Get the files of an image: as they are, or two of them as a form.',
    access: 'untrusted',
    async handle(services, request) {
      const image = findImage(services, request, 'fetch')
      const { body, headers } = await exportImage(image, services.images.paths(image))
      services.images.tell('image-retrieved', image, request.requestor)
      return raw(body, headers)
    },
  },
  post: {
    doc: 'Send an image to another server, which expects it.',
    access: 'manage-images',
    body: ImageExportPost,
    reply: Operation,
    handle(services, request) {
      const { images, outbound, operations } = services
      const { body, project, requestor, may } = request
      const image = findImage(services, request)
      const { secret, certificate } = body
      const target = { server: body.target, certificate, secret, project: body.project }
      readTarget(target)
      const started = operations.start({
        description: 'Downloading image',
        project,
        requestor,
        mayCancel: true,
        async work({ signal }) {
          await pushImage(image, images.paths(image), target, { outbound, reach: reachOf(may), signal })
          images.tell('image-retrieved', image, requestor)
        },
      })
      return operation(started)
    },
  },
})
