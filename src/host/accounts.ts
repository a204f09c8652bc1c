import { Failure } from '#base/failure.ts'
import type { Run } from './run.ts'

/** A user and a group of the host, by name. */
export interface Account {
  readonly user: string
  readonly group: string
}

/** The first of `users` that the host has, with its own group: who a helper without rights runs as (getent(1)). */
export async function findAccount(run: Run, users: readonly string[]): Promise<Account> {
  const passwd = await run('getent', ['passwd', ...users], { accept: [0, 2] })
  const found = passwd.stdout.split('\n').map((line) => line.split(':'))
  const [user, , , gid] = users.map((name) => found.find(([one]) => one === name)).find((one) => one) ?? []
  if (!user || !gid) throw new Failure('internal', `Cannot find a user called ${users.join(' or ')}`)
  const { stdout } = await run('getent', ['group', gid])
  return { user, group: stdout.split(':')[0] ?? '' }
}
