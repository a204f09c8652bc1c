import { Operation } from '#schema/operation.ts'
import { operation } from '../reply.ts'
import { route } from '../route.ts'
import { findImage } from './image.ts'

export const imageSecret = route('/1.0/images/{fingerprint}/secret', {
  post: {
    doc: 'Make a secret with which a client that is not trusted may fetch the image, once.',
    access: 'view',
    reply: Operation,
    handle(services, request) {
      const { images, operations } = services
      const image = findImage(services, request)
      const { secret, spent, revoke } = images.secrets.add(image)
      const started = operations.start({
        description: 'Image download token',
        project: request.project,
        requestor: request.requestor,
        resources: { images: [`/1.0/images/${image.fingerprint}`] },
        privateMetadata: { secret },
        token: true,
        mayCancel: true,
        async work({ signal }) {
          const cancelled = Promise.withResolvers<void>()
          signal.addEventListener('abort', () => cancelled.resolve())
          await Promise.race([spent, cancelled.promise])
          revoke()
          signal.throwIfAborted()
        },
      })
      images.tell('image-secret-created', image, request.requestor)
      return operation(started)
    },
  },
})
