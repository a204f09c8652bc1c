import { Operation } from '#schema/operation.ts'
import { done, sync } from '../reply.ts'
import { route } from '../route.ts'
import { checkMayCancel, findOperation } from './find-operation.ts'

/** One operation. */
export const operation = route('/1.0/operations/{id}', {
  get: {
    doc: 'Get an operation.',
    access: 'authenticated',
    reply: Operation,
    handle(services, request) {
      const found = findOperation(services, request)
      return sync(found.toJson(found.adminsOnly))
    },
  },
  delete: {
    doc: 'Cancel an operation.',
    access: 'authenticated',
    handle(services, request) {
      const { requestor } = request
      const found = findOperation(services, request)
      checkMayCancel(request, found)
      found.cancel()
      services.events.lifecycle({
        action: 'operation-cancelled',
        source: `/1.0/operations/${found.id}`,
        project: found.project,
        requestor,
      })
      return done()
    },
  },
})
