import { forbidden } from '#base/failure.ts'
import { checkHarmless } from '#projects/projects.ts'
import type { ProjectInput } from '#projects/projects.ts'
import { Operation } from '#schema/operation.ts'
import { Project, ProjectPatch, ProjectPost, ProjectPut } from '#schema/project.ts'
import type { ProjectRecord } from '#store/project-record.ts'
import { done, operation, sync } from '../reply.ts'
import { route } from '../route.ts'
import type { Request } from '../route.ts'
import type { Services } from '../services.ts'

/** A project as the API shows it. */
export function projectJson(services: Services, { name, description, config }: ProjectRecord): Project {
  return { config, description, name, used_by: [...services.projects.usedBy(name)] }
}

function etag({ name, description, config }: ProjectRecord): unknown {
  return [name, description, config]
}

/** Only whoever runs the server may change what a project is allowed; others who may edit it, what it is called. */
async function update(
  services: Services,
  before: ProjectRecord,
  input: ProjectInput,
  { may, requestor }: Pick<Request, 'may' | 'requestor'>,
): Promise<void> {
  if (!may('admin')) checkHarmless(before, input)
  await services.projects.update(before.name, input, requestor)
}

export const project = route('/1.0/projects/{name}', {
  get: {
    doc: 'Get a project.',
    access: 'view',
    projectParam: 'name',
    reply: Project,
    handle(services, { params }) {
      const { value } = services.projects.get(params.name)
      return sync(projectJson(services, value), etag(value))
    },
  },
  put: {
    doc: 'Replace the configuration of a project.',
    access: 'edit-project',
    projectParam: 'name',
    body: ProjectPut,
    async handle(services, request) {
      const { value } = services.projects.get(request.params.name)
      request.checkEtag(etag(value))
      await update(services, value, request.body, request)
      return done()
    },
  },
  patch: {
    doc: 'Change parts of the configuration of a project.',
    access: 'edit-project',
    projectParam: 'name',
    body: ProjectPatch,
    async handle(services, request) {
      const { value } = services.projects.get(request.params.name)
      request.checkEtag(etag(value))
      const config = { ...value.config, ...request.body.config }
      await update(services, value, { description: value.description, ...request.body, config }, request)
      return done()
    },
  },
  post: {
    doc: 'Rename a project.',
    access: 'admin',
    reply: Operation,
    body: ProjectPost,
    handle(services, { params, body, requestor }) {
      if (params.name === 'default') throw forbidden("The 'default' project cannot be renamed")
      const started = services.operations.start({
        description: 'Renaming project',
        project: '',
        requestor,
        work: () => services.projects.rename(params.name, body.name, requestor),
      })
      return operation(started)
    },
  },
  delete: {
    doc: 'Delete a project, which must be empty.',
    access: 'admin',
    async handle(services, { params, requestor }) {
      await services.projects.delete(params.name, requestor)
      return done()
    },
  },
})
