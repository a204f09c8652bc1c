import type { Connection } from '#client/connection.ts'
import { getProject, listProjectNames } from '#client/projects.ts'

import { Asker } from '../ask.ts'
import { printableLine } from '../printable.ts'
import type { RemoteAdd } from './remote-add.ts'

/**
 * The project that commands on a new remote are about: the one asked for, the
 * only one there is, or the user's choice where the default one is not among
 * those to see. Undefined leaves it to the server.
 */
export async function chooseProject({ flags, at }: RemoteAdd, connection: Connection): Promise<string | undefined> {
  if (flags.project !== '') {
    await getProject(connection, flags.project)
    return flags.project
  }

  const names = await listProjectNames(connection)
  if (names.length <= 1 || names.includes('default')) return names.length === 1 ? names[0] : undefined

  at.print('Available projects:\n')
  for (const name of names) at.print(` - ${printableLine(name)}\n`)
  return new Asker(at).oneOf('Name of the project to use for this remote', names)
}
