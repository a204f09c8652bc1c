import { forbidden, hidden } from '#base/failure.ts'
import type { Operation } from '#operations/operation.ts'
import type { Request } from '../route.ts'
import type { Services } from '../services.ts'

type Asking = Pick<Request, 'may' | 'identity'>

/** Whether a client may know of an operation: its own, those of projects it may view, and the server's if it may view that. */
export function maySee({ may, identity }: Asking, operation: Operation): boolean {
  if (operation.adminsOnly) return may('admin')
  if (isOwn(identity, operation)) return true
  return operation.project === '' ? may('view-server') : may('view', operation.project)
}

/** The operation a request names; one that the client may not know of is not there. */
export function findOperation(
  { operations }: Services,
  request: Asking & { readonly params: { readonly id: string } },
): Operation {
  const operation = operations.get(request.params.id)
  if (!maySee(request, operation)) throw hidden('Operation not found')
  return operation
}

/** Throws where the client may not cancel an operation: its creator may, and who may operate on the project. */
export function checkMayCancel({ may, identity }: Asking, operation: Operation): void {
  if (isOwn(identity, operation)) return
  const allowed = operation.project === '' ? may('admin') : may('manage-containers', operation.project)
  if (!allowed) throw forbidden('not authorized')
}

function isOwn({ trusted, requestor }: Asking['identity'], operation: Operation): boolean {
  const owner = operation.requestor
  return trusted && owner?.protocol === requestor.protocol && owner.username === requestor.username
}
