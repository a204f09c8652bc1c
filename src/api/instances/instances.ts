import { badRequest, notFound } from '#base/failure.ts'
import type { InstanceRecord } from '#store/instance-record.ts'
import { Instances } from '#instances/instances.ts'
import type { SourceImage } from '#instances/instances.ts'
import { instanceUrl } from '#instances/lifecycle.ts'
import { runtimeName } from '#instances/instance-name.ts'
import { viewInstance } from '#instances/instance-view.ts'
import { listOf } from '#schema/common.ts'
import { Instance, InstancesPost, InstancesPut } from '#schema/instance.ts'
import { Operation } from '#schema/operation.ts'
import { parseFilter } from '../filter.ts'
import { operation, sync } from '../reply.ts'
import { route } from '../route.ts'
import type { Request } from '../route.ts'
import type { Services } from '../services.ts'
import { changeState, readAction } from './change-state.ts'
import { createFromRemote, creating, newInstance } from './create-instance.ts'
import { fullInstance } from './full-instance.ts'

type Listing = Pick<Request, 'project' | 'allProjects' | 'recursion' | 'query' | 'stream' | 'may'>

/** The list in any of its forms, from one filtered set of records. */
async function listInstances(services: Services, request: Listing) {
  const { instances, runtime } = services
  const records = request.allProjects
    ? instances.list().filter(({ project }) => request.may('view', project))
    : instances.list(request.project)
  const matches = parseFilter(request.query['filter'])
  const view = (record: InstanceRecord) =>
    viewInstance(instances.expand(record), runtime.status(runtimeName(record.project, record.name)))
  const shown = request.query['filter'] ? records.filter((record) => matches(view(record))) : records

  if (request.recursion === 0) {
    const old = request.stream.url?.startsWith('/1.0/containers') === true
    const urls = shown.map(({ project, name }) => instanceUrl(project, name))
    return sync(old ? urls.map((url) => url.replace('/instances/', '/containers/')) : urls)
  }
  if (request.recursion === 1) return sync(shown.map(view))
  return sync(await Promise.all(shown.map((record) => fullInstance(services, record))))
}

async function findImage(
  services: Services,
  project: string,
  source: InstancesPost['source'],
): Promise<SourceImage | undefined> {
  if (source.type === 'none') return undefined
  if (source.type !== 'image') Instances.refuseSource(source.type)
  return await services.findImage(project, source)
}

/** All instances. */
export const instances = route('/1.0/instances', {
  get: {
    doc: 'List the instances.',
    access: 'view',
    allProjects: true,
    reply: listOf(Instance),
    handle: (services, request) => listInstances(services, request),
  },
  post: {
    doc: 'Create an instance.',
    access: 'manage-containers',
    reply: Operation,
    body: InstancesPost,
    async handle(services, request) {
      const { project, body, query, requestor } = request
      if (query['target']) throw badRequest('Target only allowed when clustered')
      if (body.instance_type !== '') throw badRequest('Invalid "instance_type": no instance types are known')
      if (body.source.type === 'image' && body.source.server !== '') return await createFromRemote(services, request)
      const image = await findImage(services, project, body.source)
      const { name, make } = await services.instances.create({ ...newInstance(request), image })
      return creating(services, { project, name, requestor, work: (work) => make(work, requestor) })
    },
  },
  put: {
    doc: 'Change what all instances of the project are doing.',
    access: 'operate-containers',
    reply: Operation,
    body: InstancesPut,
    handle(services, { project, body, requestor }) {
      const action = readAction(body.state)
      const names = services.instances.list(project).map(({ name }) => name)
      if (names.length === 0) throw notFound('No instances found')
      return operation(
        services.operations.start({
          description: action.description,
          project,
          resources: { instances: names.map((name) => instanceUrl(project, name)) },
          requestor,
          async work({ signal }) {
            const wanted = names.filter((name) => action.applies(services.runtime.status(runtimeName(project, name))))
            const results = await Promise.allSettled(
              wanted.map((name) => changeState(services, { project, name, action, signal, requestor })),
            )
            const failed = results.find((result) => result.status === 'rejected')
            if (failed) throw failed.reason
          },
        }),
      )
    },
  },
})
