import { badRequest } from '#base/failure.ts'
import { Operation } from '#schema/operation.ts'
import { sync } from '../reply.ts'
import { route } from '../route.ts'

/** Seconds a client may ask to wait; -1 is for ever. */
function readTimeout(text: string | undefined): number {
  const seconds = Number(text ?? '-1')
  if (!/^-?\d{1,9}$/.test(text ?? '-1') || seconds < -1) {
    throw badRequest(`Invalid "timeout" "${text}": expected a number of seconds, or -1 for no limit`)
  }
  return seconds
}

/** Waits until an operation is over, or for `?timeout=` seconds, and tells how it stands then. */
export const operationWait = route('/1.0/operations/{id}/wait', {
  get: {
    doc: 'Wait for an operation.',
    access: 'authenticated',
    reply: Operation,
    async handle(services, { params, query, signal }) {
      const seconds = readTimeout(query['timeout'])
      const operation = services.operations.get(params.id)
      const { promise, resolve } = Promise.withResolvers<void>()
      const timer = seconds < 0 ? undefined : setTimeout(resolve, Math.min(seconds * 1000, 2 ** 31 - 1))
      signal.addEventListener('abort', () => resolve(), { once: true })
      await Promise.race([operation.done, promise])
      clearTimeout(timer)
      return sync(operation.toJson())
    },
  },
})
