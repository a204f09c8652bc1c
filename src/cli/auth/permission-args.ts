import { badRequest } from '#base/failure.ts'
import type { Permission } from '#client/auth.ts'

/** A permission as words: `server <entitlement>` or `project <name> <entitlement>`. */
export function readPermission(words: readonly string[]): Permission {
  const [type = '', ...rest] = words
  if (type === 'server') {
    if (rest.length !== 1) throw badRequest('Expected "server <entitlement>"')
    return { entity_type: type, url: '/1.0', entitlement: rest[0]! }
  }
  if (type === 'project') {
    if (rest.length !== 2) throw badRequest('Expected "project <project> <entitlement>"')
    return { entity_type: type, url: `/1.0/projects/${encodeURIComponent(rest[0]!)}`, entitlement: rest[1]! }
  }
  throw badRequest(`Invalid entity type "${type}": expected server or project`)
}

/** Whether two are the same. */
export function samePermission(a: Permission, b: Permission): boolean {
  return a.entity_type === b.entity_type && a.url === b.url && a.entitlement === b.entitlement
}
