import { Failure, badRequest, explain } from '#base/failure.ts'
import type { Connection } from '#client/connection.ts'
import { changeState, listInstances, type StatePut } from '#client/instances.ts'
import { waitOperation } from '#client/operations.ts'

import { switchFlag, type Call, type Outcome } from '../command.ts'
import { startProgress } from '../progress.ts'

/** Flag of all commands that change whether instances run. */
export const allFlag = switchFlag('Run against all instances')

/** What to ask of one instance; undefined where nothing is left to do. */
export type StateFor = (connection: Connection, name: string) => Promise<StatePut> | StatePut

export interface Change {
  /** `start`: what messages say failed. */
  readonly verb: string
  readonly all: boolean
  /** Which instances `--all` means, by their status. */
  readonly concerns: (status: string) => boolean
  readonly stateFor: StateFor
}

/** Changes whether the instances named in a call run, all of them at the same time. */
export async function changeStates(
  call: Pick<Call, 'args' | 'globals' | 'remotes' | 'at'>,
  change: Change,
): Promise<Outcome> {
  const { args, globals, remotes, at } = call
  const names = change.all ? await namesOfAll(call, change) : args
  if (names.length === 0 && !change.all) return 'usage'

  const one = async (text: string): Promise<void> => {
    const { connection, name } = remotes.at(text)
    const operation = await changeState(connection, name, await change.stateFor(connection, name))
    using progress = startProgress(names.length > 1 ? `${name}: ` : '', globals, at)
    await waitOperation(connection, operation, progress).catch((error: unknown) => {
      throw change.verb === 'start' ? withHint(error, name) : error
    })
  }
  if (names.length === 1) return await one(names[0]!)

  const results = await Promise.allSettled(names.map(one))
  const failed = results.flatMap((result, index) =>
    result.status === 'rejected' ? [tell(names[index]!, result.reason)] : [],
  )
  if (failed.length === 0) return
  at.warn(`${failed.join('')}\n`)
  throw badRequest(`Some instances failed to ${change.verb}`)
}

/** Says where to read why an instance did not start. */
function withHint(error: unknown, name: string): Failure {
  return new Failure('internal', `${explain(error)}\nTry \`lxc info --show-log ${name}\` for more info`)
}

function tell(name: string, error: unknown): string {
  const [first = '', ...more] = explain(error).split('\n')
  return [`error: ${first}`, ...more].map((line) => `${name}: ${line}\n`).join('')
}

async function namesOfAll({ args, remotes }: Pick<Call, 'args' | 'remotes'>, { concerns }: Change): Promise<string[]> {
  const wanted = args.length === 0 ? [`${remotes.default}:`] : args
  const found = await Promise.all(
    wanted.map(async (text) => {
      const { connection, remote, name } = remotes.at(text)
      if (name !== '') throw badRequest('Both --all and instance name given')
      const instances = await listInstances(connection)
      return instances.filter(({ status }) => concerns(status)).map((instance) => `${remote}:${instance.name}`)
    }),
  )
  return found.flat()
}
