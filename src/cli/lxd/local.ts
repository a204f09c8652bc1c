import { join } from 'node:path'
import { Connection } from '#client/connection.ts'
import type { Call } from '../command.ts'

/** The daemon of this machine, in its default project, whatever remotes the user's own configuration has. */
export function localDaemon({ at, globals }: Pick<Call, 'at' | 'globals'>): Connection {
  const path = at.env['LXD_SOCKET'] || join(at.env['LXD_DIR'] || '/var/lib/lxd', 'unix.socket')
  return new Connection({
    endpoint: { kind: 'unix', path },
    project: 'default',
    userAgent: 'lxd-ts',
    ...(globals.debug ? { trace: (line: string) => at.warn(`${line}\n`) } : {}),
  })
}
