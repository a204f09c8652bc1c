import { badRequest } from '#base/failure.ts'
import type { IdentityPath } from '#client/auth.ts'
import type { Connection } from '#client/connection.ts'

import type { Remotes } from '../remotes.ts'

/**
 * Someone on a server: `[<remote>:]<authentication method>/<id>`. Ids have colons of their own, as in
 * `unix/user:ann`; a remote ends at one before the first slash.
 */
export function identityAt(
  remotes: Remotes,
  text: string,
): { readonly connection: Connection; readonly identity: IdentityPath } {
  const [, prefix, rest = text] = /^([^/:]*):(.*)$/s.exec(text) ?? []
  const { connection } = remotes.at(prefix === undefined ? '' : `${prefix}:`)
  const slash = rest.indexOf('/')
  const [method, id] = [rest.slice(0, Math.max(slash, 0)), rest.slice(slash + 1)]
  if (method === '' || id === '') {
    throw badRequest(
      `Malformed identity "${text}": expected <authentication method>/<id>, such as oidc/ann@example.com`,
    )
  }
  return { connection, identity: { method, id } }
}
