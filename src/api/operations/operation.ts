import { Operation } from '#schema/operation.ts'
import { done, sync } from '../reply.ts'
import { route } from '../route.ts'

/** One operation. */
export const operation = route('/1.0/operations/{id}', {
  get: {
    doc: 'Get an operation.',
    access: 'authenticated',
    reply: Operation,
    handle: (services, { params }) => sync(services.operations.get(params.id).toJson()),
  },
  delete: {
    doc: 'Cancel an operation.',
    access: 'authenticated',
    handle(services, { params, requestor }) {
      const found = services.operations.get(params.id)
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
