import { Operation } from '#schema/operation.ts'
import { operation } from '../reply.ts'
import { route } from '../route.ts'
import { findImage } from './image.ts'

export const imageRefresh = route('/1.0/images/{fingerprint}/refresh', {
  post: {
    doc: 'Look for a newer image where this one came from, and put it in its place.',
    access: 'manage-images',
    reply: Operation,
    handle(services, request) {
      const { requestor, project } = request
      const image = findImage(services, request)
      const started = services.operations.start({
        description: 'Refreshing image',
        project,
        requestor,
        mayCancel: true,
        async work({ signal, progress, metadata }) {
          const now = await services.imageRefresh.refresh(image, { signal, progress }, requestor)
          metadata({ refreshed: now.fingerprint !== image.fingerprint })
        },
      })
      return operation(started)
    },
  },
})
