import { runtimeName } from '#instances/instance-name.ts'
import { entityUrl } from '../list.ts'
import { done, raw } from '../reply.ts'
import { route } from '../route.ts'

/** One log file of an instance. */
export const instanceLog = route('/1.0/instances/{name}/logs/{filename}', {
  get: {
    doc: 'Get a log file.',
    access: 'view',
    async handle(services, { project, params, requestor }) {
      const { name } = services.instances.get(project, params.name).value
      const { size, modified, body } = await services.logs.read(runtimeName(project, name), params.filename)
      services.events.lifecycle({
        action: 'instance-log-retrieved',
        ...about(project, name, params.filename),
        requestor,
      })
      return raw(body, {
        'content-type': 'application/octet-stream',
        'content-disposition': `inline;filename=${params.filename}`,
        'content-length': String(size),
        'last-modified': modified.toUTCString(),
      })
    },
  },
  delete: {
    doc: 'Delete the output of a recorded command.',
    access: 'operate-containers',
    async handle(services, { project, params, requestor }) {
      const { name } = services.instances.get(project, params.name).value
      await services.logs.delete(runtimeName(project, name), params.filename)
      services.events.lifecycle({ action: 'instance-log-deleted', ...about(project, name, params.filename), requestor })
      return done()
    },
  },
})

function about(project: string, name: string, file: string): { readonly project: string; readonly source: string } {
  return { project, source: entityUrl(['instances', name, 'logs', file], project) }
}
