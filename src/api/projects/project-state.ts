import { ProjectState } from '#schema/project.ts'
import { sync } from '../reply.ts'
import { route } from '../route.ts'

export const projectState = route('/1.0/projects/{name}/state', {
  get: {
    doc: 'Get what a project may use and does use.',
    access: 'view',
    projectParam: 'name',
    reply: ProjectState,
    handle(services, { params }) {
      const usage = Object.entries(services.policy.usage(params.name))
      const resources = Object.fromEntries(
        usage.map(([name, { limit = -1, usage: used }]) => [name, { Limit: limit, Usage: used }]),
      )
      return sync({ resources } satisfies ProjectState)
    },
  },
})
