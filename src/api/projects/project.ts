import { forbidden } from '#base/failure.ts'
import { Operation } from '#schema/operation.ts'
import { Project, ProjectPatch, ProjectPost, ProjectPut } from '#schema/project.ts'
import type { ProjectRecord } from '#store/project-record.ts'
import { done, operation, sync } from '../reply.ts'
import { route } from '../route.ts'
import type { Services } from '../services.ts'

/** A project as the API shows it. */
export function projectJson(services: Services, { name, description, config }: ProjectRecord): Project {
  return { config, description, name, used_by: [...services.projects.usedBy(name)] }
}

function etag({ name, description, config }: ProjectRecord): unknown {
  return [name, description, config]
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
    async handle(services, { params, body, checkEtag, requestor }) {
      checkEtag(etag(services.projects.get(params.name).value))
      await services.projects.update(params.name, body, requestor)
      return done()
    },
  },
  patch: {
    doc: 'Change parts of the configuration of a project.',
    access: 'edit-project',
    projectParam: 'name',
    body: ProjectPatch,
    async handle(services, { params, body, checkEtag, requestor }) {
      const { value } = services.projects.get(params.name)
      checkEtag(etag(value))
      const config = { ...value.config, ...body.config }
      await services.projects.update(params.name, { description: value.description, ...body, config }, requestor)
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
