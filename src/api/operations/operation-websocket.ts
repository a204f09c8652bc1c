import { badRequest, forbidden, hidden } from '#base/failure.ts'
import { route } from '../route.ts'
import { maySee } from './find-operation.ts'

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
    open(services, request) {
      const { identity, params, query } = request
      const operation = services.operations.find(params.id)
      const mayKnow = operation && (maySee(request, operation) || operation.hasSecret(query['secret'] ?? ''))
      if (mayKnow) return operation.accept(query['secret'] ?? '')
      throw identity.trusted ? hidden('Operation not found') : forbidden('not authorized')
    },
  },
})
