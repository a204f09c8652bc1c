import { badRequest, notImplemented } from '#base/failure.ts'
import { runtimeName } from '#instances/instance-name.ts'
import { instanceUrl } from '#instances/lifecycle.ts'
import { InstanceConsolePost } from '#schema/instance.ts'
import { Operation } from '#schema/operation.ts'
import { done, operation, raw } from '../reply.ts'
import { route } from '../route.ts'

function checkType(type: string): void {
  if (type === 'vga') throw notImplemented('Cannot show the console: containers have none of type "vga"')
  if (type !== '' && type !== 'console') throw badRequest(`Unknown console type "${type}": expected console`)
}

/** The console of an instance: what its init and getty write to, and what was written. */
export const instanceConsole = route('/1.0/instances/{name}/console', {
  get: {
    doc: 'Get what was written to the console.',
    access: 'view',
    async handle(services, { project, params, requestor }) {
      const { name } = services.instances.get(project, params.name).value
      const body = await services.logs.readConsole(runtimeName(project, name))
      const source = instanceUrl(project, name)
      services.events.lifecycle({ action: 'instance-console-retrieved', source, project, requestor })
      return raw(body, { 'content-type': 'application/octet-stream' })
    },
  },
  post: {
    doc: 'Connect to the console of a running instance. Its streams are websockets.',
    access: 'operate-containers',
    body: InstanceConsolePost,
    reply: Operation,
    handle(services, { project, params, body, requestor }) {
      const { name } = services.instances.get(project, params.name).value
      checkType(body.type)
      const session = services.consoles.connect(runtimeName(project, name), body)
      const source = instanceUrl(project, name)
      services.events.lifecycle({
        action: 'instance-console',
        source,
        project,
        requestor,
        context: { type: 'console' },
      })
      return operation(
        services.operations.start({
          description: 'Showing console',
          project,
          resources: { instances: [source], containers: [source.replace('/instances/', '/containers/')] },
          requestor,
          privateMetadata: { fds: session.secrets },
          accept: (secret) => session.accept(secret),
          work: async () => void (await session.run()),
        }),
      )
    },
  },
  delete: {
    doc: 'Forget what was written to the console.',
    access: 'operate-containers',
    async handle(services, { project, params, requestor }) {
      const { name } = services.instances.get(project, params.name).value
      await services.logs.clearConsole(runtimeName(project, name))
      const source = instanceUrl(project, name)
      services.events.lifecycle({ action: 'instance-console-reset', source, project, requestor })
      return done()
    },
  },
})
