import { exportImage } from '#images/export.ts'
import { raw } from '../reply.ts'
import { route } from '../route.ts'
import { findImage } from './image.ts'

export const imageExport = route('/1.0/images/{fingerprint}/export', {
  get: {
    doc: 'Get the files of an image: as they are, or two of them as a form.',
    access: 'untrusted',
    async handle(services, request) {
      const image = findImage(services, request)
      const { body, headers } = await exportImage(image, services.images.paths(image))
      services.images.tell('image-retrieved', image, request.requestor)
      return raw(body, headers)
    },
  },
})
