import { runtimeName } from '#instances/instance-name.ts'
import { StringList } from '#schema/common.ts'
import { entityUrl } from '../list.ts'
import { sync } from '../reply.ts'
import { route } from '../route.ts'

/** The log files of an instance. */
export const instanceLogs = route('/1.0/instances/{name}/logs', {
  get: {
    doc: 'List the log files of an instance: liblxc’s, and the output of recorded commands.',
    access: 'view',
    reply: StringList,
    async handle(services, { project, params }) {
      const { name } = services.instances.get(project, params.name).value
      const files = await services.logs.list(runtimeName(project, name))
      return sync(files.map((file) => entityUrl(['instances', name, 'logs', file], project)))
    },
  },
})
