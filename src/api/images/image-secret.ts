import { Operation } from '#schema/operation.ts'
import { operation } from '../reply.ts'
import { route } from '../route.ts'
import { findImage } from './image.ts'
import { secretOperation } from './secret-operation.ts'

export const imageSecret = route('/1.0/images/{fingerprint}/secret', {
  post: {
    doc: 'Make a secret with which a client that is not trusted may fetch the image, once.',
    access: 'view',
    reply: Operation,
    handle(services, request) {
      const { images, operations } = services
      const image = findImage(services, request)
      const { secret, spent, revoke } = images.secrets.add(image)
      const started = operations.start(
        secretOperation(
          { project: request.project, requestor: request.requestor, fingerprint: image.fingerprint, secret },
          { spent, revoke },
        ),
      )
      images.tell('image-secret-created', image, request.requestor)
      return operation(started)
    },
  },
})
