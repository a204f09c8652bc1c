import { Failure } from '#base/failure.ts'
import type { Run } from './run.ts'

/** The id of a group of the host, by name (getent(1)). Throws where there is none. */
export async function groupId(run: Run, name: string): Promise<number> {
  if (name.startsWith('-')) throw new Failure('bad-request', `Invalid group "${name}"`)
  const { code, stdout } = await run('getent', ['group', name], { accept: [0, 2] })
  const gid = Number(stdout.split(':')[2] ?? 'none')
  if (code !== 0 || !Number.isInteger(gid)) throw new Failure('bad-request', `Cannot find the group "${name}"`)
  return gid
}
