import { listOf } from '#schema/common.ts'
import { Project, ProjectsPost } from '#schema/project.ts'
import { entityUrl, listReply } from '../list.ts'
import { created } from '../reply.ts'
import { route } from '../route.ts'
import { projectJson } from './project.ts'

export const projects = route('/1.0/projects', {
  get: {
    doc: 'List the projects.',
    access: 'authenticated',
    reply: listOf(Project),
    handle: (services, request) =>
      listReply(
        request,
        services.projects.list().filter(({ name }) => request.may('view', name)),
        {
          url: ({ name }) => entityUrl(['projects', name]),
          object: (project) => projectJson(services, project),
        },
      ),
  },
  post: {
    doc: 'Add a project.',
    access: 'admin',
    body: ProjectsPost,
    async handle(services, { body: { name, ...input }, requestor }) {
      await services.projects.create(name, input, requestor)
      return created(entityUrl(['projects', name]))
    },
  },
})
