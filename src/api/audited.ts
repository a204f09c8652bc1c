import { allows, isServerAction } from '#auth/authorize.ts'
import { stranger } from '#auth/identity.ts'
import type { Identity } from '#auth/identity.ts'
import type { Answered, Audit, AuditedRequest } from '#audit/audit.ts'
import { Failure } from '#base/failure.ts'
import { isForKnown } from './decide.ts'
import type { Reply } from './reply.ts'
import type { Access } from './route.ts'

/** Paths that hand out what is inside an instance or an image: reading them is written down, too. */
const sensitive = /\/(files|export|console|logs\/\{\w+\}|metadata|metadata\/templates)$/

/** A request as the audit log has it: nothing of its query but the project, nothing of its headers and its body. */
export function auditedRequest(request: {
  readonly identity: Identity
  readonly method: string
  readonly route: { readonly path: string; readonly access: Access; readonly projectParam?: string | undefined }
  readonly params: Readonly<Record<string, string>>
  readonly query: Readonly<Record<string, string>>
}): AuditedRequest {
  const { identity, method, route, params, query } = request
  const { path, access, projectParam } = route
  const inProject = access !== 'untrusted' && !isForKnown(access) && !isServerAction(access)
  const named = (projectParam === undefined ? undefined : params[projectParam]) ?? query['project']
  return {
    actor: identity,
    method,
    route: path,
    params: { ...params },
    project: named || (inProject ? 'default' : undefined),
    action: access,
    sensitive: sensitive.test(path),
  }
}

/** Writes down that a page in a browser was refused, for where it comes from: whose certificate it sends says nothing. */
export function recordForeign(audit: Pick<Audit, 'request'>, method: string, address: string): void {
  const trail = audit.request({
    actor: stranger(address),
    method,
    route: '*',
    params: {},
    action: 'own-origin',
    sensitive: false,
  })
  void trail.answered({ status: 403 }, { project: '' })
}

/** What the audit log keeps of an answer. */
export function answeredWith(reply: Reply): Answered {
  switch (reply.kind) {
    case 'sync':
      return reply.created === undefined ? { status: 200 } : { status: 201, objects: [reply.created] }
    case 'operation':
      return { status: 202, operation: reply.operation }
    case 'raw':
      return { status: 200 }
  }
}

/**
 * Whether an error says no to a client for who it is, and in which project, so far as the client may know of that one;
 * undefined where it is another error.
 */
export function denialOf(
  error: unknown,
  identity: Identity,
  project: string | undefined,
): { readonly project: string } | undefined {
  if (!(error instanceof Failure) || !error.denied) return undefined
  const mayKnow = project !== undefined && allows(identity, 'view', { project })
  return { project: mayKnow ? project : '' }
}
