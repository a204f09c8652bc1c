import { badRequest } from '#base/failure.ts'
import { runtimeName } from '#instances/instance-name.ts'
import type { Requestor } from '#events/events.ts'
import type { RuntimeStatus } from '#lxc/runtime.ts'
import type { InstanceStatePut } from '#schema/instance.ts'
import type { Services } from '../services.ts'

/** A change of what an instance is doing, read from a request. */
export interface Action {
  readonly name: 'start' | 'stop' | 'restart' | 'freeze' | 'unfreeze'
  /** LXD's description of the operation. */
  readonly description: string
  readonly force: boolean
  /** Milliseconds, or undefined for no limit. */
  readonly timeout: number | undefined
  /** Whether the action changes anything for an instance in that status. */
  applies(status: RuntimeStatus): boolean
}

const actions: Readonly<
  Record<Action['name'], readonly [description: string, applies: (status: RuntimeStatus) => boolean]>
> = {
  start: ['Starting instance', (status) => status === 'stopped' || status === 'frozen'],
  stop: ['Stopping instance', (status) => status !== 'stopped'],
  restart: ['Restarting instance', (status) => status !== 'stopped'],
  freeze: ['Freezing instance', (status) => status === 'running'],
  unfreeze: ['Unfreezing instance', (status) => status === 'frozen'],
}

/** Throws a bad-request Failure for an unknown action, or one this server can not do. */
export function readAction(body: InstanceStatePut): Action {
  const name = body.action
  if (!Object.hasOwn(actions, name)) {
    throw badRequest(`Invalid "action" "${name}": expected one of ${Object.keys(actions).join(', ')}`)
  }
  // The state of processes can not be kept; `stateful` on a start means only "if there is one".
  if (body.stateful && name === 'stop') throw badRequest('Invalid "stateful": a running state can not be saved here')
  const known = name as Action['name']
  const [description, applies] = actions[known]
  return {
    name: known,
    description,
    force: body.force,
    timeout: body.timeout > 0 ? body.timeout * 1000 : undefined,
    applies,
  }
}

/** Does it, and resolves when it is done. */
export async function changeState(
  { lifecycle, runtime }: Pick<Services, 'lifecycle' | 'runtime'>,
  what: {
    readonly project: string
    readonly name: string
    readonly action: Action
    readonly signal: AbortSignal
    readonly requestor: Requestor
  },
): Promise<void> {
  const { project, name, action, signal, requestor } = what
  const stop = { force: action.force, timeout: action.timeout, signal, requestor }
  switch (action.name) {
    case 'start':
      // As LXD has it, starting a frozen instance thaws it.
      if (runtime.status(runtimeName(project, name)) === 'frozen')
        return await lifecycle.unfreeze(project, name, requestor)
      return await lifecycle.start(project, name, requestor)
    case 'stop':
      return await lifecycle.stop(project, name, stop)
    case 'restart':
      return await lifecycle.restart(project, name, stop)
    case 'freeze':
      return await lifecycle.freeze(project, name, requestor)
    case 'unfreeze':
      return await lifecycle.unfreeze(project, name, requestor)
  }
}
