import { badRequest, forbidden } from '#base/failure.ts'
import type { Operation } from '#operations/operation.ts'
import { Operation as OperationShape } from '#schema/operation.ts'
import { sync } from '../reply.ts'
import { route } from '../route.ts'
import type { Request } from '../route.ts'
import type { Services } from '../services.ts'
import { findOperation } from './find-operation.ts'

/** Seconds a client may ask to wait; -1 is for ever. */
function readTimeout(text: string | undefined): number {
  const seconds = Number(text ?? '-1')
  if (!/^-?\d{1,9}$/.test(text ?? '-1') || seconds < -1) {
    throw badRequest(`Invalid "timeout" "${text}": expected a number of seconds, or -1 for no limit`)
  }
  return seconds
}

/** The operation to wait for: one the client may see, or has a secret of. Others are not there. */
function findWaited(
  services: Services,
  request: Pick<Request<'{id}'>, 'identity' | 'may' | 'params' | 'query'>,
): Operation {
  const { identity, params, query } = request
  const secret = query['secret'] ?? ''
  if (secret === '') {
    if (!identity.trusted) throw forbidden('not authorized')
    return findOperation(services, request)
  }
  const operation = services.operations.find(params.id)
  if (!operation?.hasSecret(secret)) throw forbidden('not authorized')
  return operation
}

/** Waits until an operation is over, or for `?timeout=` seconds, and tells how it stands then. */
export const operationWait = route('/1.0/operations/{id}/wait', {
  get: {
    doc: 'Wait for an operation. Who is not trusted needs one of its secrets.',
    access: 'untrusted',
    reply: OperationShape,
    async handle(services, request) {
      const { query, signal } = request
      const seconds = readTimeout(query['timeout'])
      const operation = findWaited(services, request)
      const { promise, resolve } = Promise.withResolvers<void>()
      const timer = seconds < 0 ? undefined : setTimeout(resolve, Math.min(seconds * 1000, 2 ** 31 - 1))
      signal.addEventListener('abort', () => resolve(), { once: true })
      await Promise.race([operation.done, promise])
      clearTimeout(timer)
      return sync(operation.toJson())
    },
  },
})
