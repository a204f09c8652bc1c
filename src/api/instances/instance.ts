import { badRequest, notImplemented } from '#base/failure.ts'
import type { InstanceChange } from '#instances/instances.ts'
import { runtimeName } from '#instances/instance-name.ts'
import { etagOfInstance, viewInstance } from '#instances/instance-view.ts'
import { instanceUrl } from '#instances/lifecycle.ts'
import { Instance, InstancePatch, InstancePost, InstancePut } from '#schema/instance.ts'
import { Operation } from '#schema/operation.ts'
import type { InstanceRecord } from '#store/instance-record.ts'
import type { Stored } from '#store/records.ts'
import { done, operation, sync } from '../reply.ts'
import { route } from '../route.ts'
import type { Request } from '../route.ts'
import type { Services } from '../services.ts'
import { fullInstance } from './full-instance.ts'

/** Starts the update of an instance to `change` as an operation. */
function update(
  services: Services,
  before: Stored<InstanceRecord>,
  change: InstanceChange,
  { requestor }: Pick<Request, 'requestor'>,
) {
  const { project, name } = before.value
  services.instances.checkUpdate(before, change)
  return services.operations.start({
    description: 'Updating instance',
    project,
    resources: { instances: [instanceUrl(project, name)] },
    requestor,
    work: (work) => services.instances.update(before, change, work, requestor),
  })
}

/** One instance. */
export const instance = route('/1.0/instances/{name}', {
  get: {
    doc: 'Get an instance; with `recursion=1` with its state, snapshots and backups.',
    access: 'view',
    reply: Instance,
    async handle(services, { project, params, recursion }) {
      const expanded = services.instances.expand(services.instances.get(project, params.name).value)
      const status = services.runtime.status(runtimeName(project, params.name))
      const shown = recursion > 0 ? await fullInstance(services, expanded.record) : viewInstance(expanded, status)
      return sync(shown, etagOfInstance(expanded))
    },
  },
  put: {
    doc: 'Replace the configuration of an instance.',
    access: 'manage-containers',
    reply: Operation,
    body: InstancePut,
    handle(services, request) {
      const { project, params, body } = request
      if (body.restore !== '') throw notImplemented('Cannot restore a snapshot: not implemented')
      const before = services.instances.get(project, params.name)
      request.checkEtag(etagOfInstance(services.instances.expand(before.value)))
      const { architecture, config, devices, ephemeral, profiles, description } = body
      const change = {
        architecture: architecture || before.value.architecture,
        config,
        devices,
        ephemeral,
        profiles,
        description,
      }
      return operation(update(services, before, change, request))
    },
  },
  patch: {
    doc: 'Change parts of the configuration of an instance.',
    access: 'manage-containers',
    body: InstancePatch,
    async handle(services, request) {
      const { project, params, body } = request
      if (body.restore) throw badRequest('Invalid "restore": use PUT to restore a snapshot')
      const before = services.instances.get(project, params.name)
      request.checkEtag(etagOfInstance(services.instances.expand(before.value)))
      const { value } = before
      const started = update(
        services,
        before,
        {
          architecture: body.architecture || value.architecture,
          config: { ...value.config, ...body.config },
          devices: { ...value.devices, ...body.devices },
          ephemeral: body.ephemeral ?? value.ephemeral,
          profiles: body.profiles ?? value.profiles,
          description: body.description ?? value.description,
        },
        request,
      )
      // LXD answers a PATCH when it is done, without an operation.
      await started.done
      started.rethrow()
      return done()
    },
  },
  post: {
    doc: 'Rename an instance.',
    access: 'manage-containers',
    reply: Operation,
    body: InstancePost,
    handle(services, { project, params, body, requestor }) {
      if (body.migration || body.pool !== '' || (body.project !== '' && body.project !== project)) {
        throw notImplemented('Cannot move the instance: not implemented')
      }
      const { value } = services.instances.get(project, params.name)
      services.instances.checkRename(value, body.name)
      return operation(
        services.operations.start({
          description: 'Renaming instance',
          project,
          resources: { instances: [instanceUrl(project, value.name)] },
          requestor,
          work: (work) => services.instances.rename(value, body.name, work, requestor),
        }),
      )
    },
  },
  delete: {
    doc: 'Delete an instance that is stopped.',
    access: 'manage-containers',
    reply: Operation,
    handle(services, { project, params, requestor }) {
      const { value } = services.instances.get(project, params.name)
      const status = services.runtime.status(runtimeName(project, value.name))
      if (status !== 'stopped') throw badRequest('Instance is running')
      return operation(
        services.operations.start({
          description: 'Deleting instance',
          project,
          resources: { instances: [instanceUrl(project, value.name)] },
          requestor,
          work: () => services.instances.delete(project, value.name, requestor),
        }),
      )
    },
  },
})
