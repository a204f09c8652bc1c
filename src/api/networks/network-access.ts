import { hidden } from '#base/failure.ts'
import type { Request } from '../route.ts'
import type { Services } from '../services.ts'

/** Throws a not-found Failure for a network that the project of the request has no access to: to it, it is not there. */
export function checkNetworkAccess(
  { policy }: Services,
  { project, params }: { readonly project: string; readonly params: { readonly name: string } },
): void {
  if (!policy.allowsNetwork(project, params.name)) throw hidden('Network not found')
}

/** Whether the project of a request has access to a network. */
export function hasNetworkAccess({ policy }: Services, { project }: Pick<Request, 'project'>, name: string): boolean {
  return policy.allowsNetwork(project, name)
}
