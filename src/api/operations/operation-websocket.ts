import { badRequest } from '#base/failure.ts'
import { route } from '../route.ts'

/** Connects to an operation of class `websocket` with one of the secrets its creator was given. */
export const operationWebsocket = route('/1.0/operations/{id}/websocket', {
  get: {
    doc: 'Connect to an operation by websocket.',
    access: 'untrusted',
    handle() {
      throw badRequest('Cannot connect to the operation: expected a websocket upgrade')
    },
  },
  upgrade: {
    doc: 'Connect to an operation by websocket.',
    access: 'untrusted',
    open(services, { params, query }) {
      const operation = services.operations.get(params.id)
      return operation.accept(query['secret'] ?? '')
    },
  },
})
