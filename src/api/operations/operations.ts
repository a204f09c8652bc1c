import { sync } from '../reply.ts'
import { maySee } from './find-operation.ts'
import { route } from '../route.ts'

/** The operations under way, by status: URLs, or with `recursion=1` objects. */
export const operations = route('/1.0/operations', {
  get: {
    doc: 'List the operations, by their status.',
    access: 'authenticated',
    allProjects: true,
    handle(services, request) {
      const byStatus: Record<string, unknown[]> = {}
      for (const operation of services.operations.list()) {
        if (!request.allProjects && operation.project !== '' && operation.project !== request.project) continue
        if (!maySee(request, operation)) continue
        const shown = request.recursion > 0 ? operation.toJson(operation.adminsOnly) : `/1.0/operations/${operation.id}`
        ;(byStatus[operation.status.toLowerCase()] ??= []).push(shown)
      }
      return sync(byStatus)
    },
  },
})
