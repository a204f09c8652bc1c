import { usageOf } from '#projects/usage.ts'
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
      const { instances, networks } = services.projects.contents(params.name)
      const expanded = instances.map((instance) => ({
        type: instance.type,
        ...services.profiles.expand(params.name, instance.profiles, instance),
      }))
      const usage = Object.entries(usageOf(expanded, networks.length))
      const resources = Object.fromEntries(usage.map(([name, used]) => [name, { Limit: -1, Usage: used }]))
      return sync({ resources } satisfies ProjectState)
    },
  },
})
