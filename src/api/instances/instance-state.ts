import { instanceUrl } from '#instances/lifecycle.ts'
import { InstanceState, InstanceStatePut } from '#schema/instance.ts'
import { Operation } from '#schema/operation.ts'
import { operation, sync } from '../reply.ts'
import { route } from '../route.ts'
import { changeState, readAction } from './change-state.ts'

/** What one instance is doing. */
export const instanceState = route('/1.0/instances/{name}/state', {
  get: {
    doc: 'Get the runtime state of an instance.',
    access: 'view',
    reply: InstanceState,
    async handle(services, { project, params }) {
      const { value } = services.instances.get(project, params.name)
      const state = await services.readState(value)
      return sync(state, state)
    },
  },
  put: {
    doc: 'Start, stop, restart, freeze or unfreeze an instance.',
    access: 'operate-containers',
    reply: Operation,
    body: InstanceStatePut,
    handle(services, { project, params, body, requestor }) {
      const action = readAction(body)
      const { name } = services.instances.get(project, params.name).value
      const url = instanceUrl(project, name)
      return operation(
        services.operations.start({
          description: action.description,
          project,
          resources: { instances: [url], containers: [url.replace('/instances/', '/containers/')] },
          requestor,
          mayCancel: action.name === 'stop' || action.name === 'restart',
          work: ({ signal }) => changeState(services, { project, name, action, signal, requestor }),
        }),
      )
    },
  },
})
