import { notFound, badRequest } from '#base/failure.ts'

import { staticRemotes, type RemoteConfig } from '../client-config.ts'
import type { Remotes } from '../remotes.ts'

/** A remote that the user may change. Throws for those that others provide. */
export function changeable({ config }: Remotes, name: string): RemoteConfig {
  const remote = known(config.remotes, name)
  if (Object.hasOwn(staticRemotes, name)) throw badRequest(`Remote ${name} is static and cannot be modified`)
  return remote
}

/** A remote in the words of the commands that manage them. */
export function known(remotes: Readonly<Record<string, RemoteConfig>>, name: string): RemoteConfig {
  const remote = Object.hasOwn(remotes, name) ? remotes[name] : undefined
  if (remote === undefined) throw notFound(`Remote ${name} doesn't exist`)
  return remote
}
