import { roles } from '#auth/identity.ts'
import { badRequest } from '#base/failure.ts'
import { PermissionInfo } from '#schema/auth.ts'
import Type from 'typebox'
import { sync } from '../reply.ts'
import { route } from '../route.ts'
import { permissionJson } from './permissions-json.ts'

const entityTypes = ['server', 'project'] as const

function readEntityType(text: string | undefined): (typeof entityTypes)[number] | undefined {
  const type = entityTypes.find((one) => one === text)
  if (text && !type) throw badRequest(`Invalid "entity-type" "${text}": expected ${entityTypes.join(' or ')}`)
  return type
}

export const permissions = route('/1.0/auth/permissions', {
  get: {
    doc: 'List what can be granted, of one `entity-type` or `project` only if asked; with `recursion=1` with the groups it is granted to.',
    access: 'view-server',
    reply: Type.Array(PermissionInfo),
    handle(services, { query, recursion }) {
      const type = readEntityType(query['entity-type'])
      const wanted = query['project'] || undefined
      const projects = services.projects.list().map(({ name }) => name)
      const places = [
        ...(type === 'project' || wanted !== undefined ? [] : [undefined]),
        ...(type === 'server' ? [] : projects.filter((name) => wanted === undefined || name === wanted)),
      ]
      const groups = services.groups.list()
      const shown = places.flatMap((project) =>
        roles.map((role) => {
          const permission = permissionJson({ role, ...(project === undefined ? {} : { project }) })
          if (recursion === 0) return permission
          const having = groups.filter(({ grants }) =>
            grants.some((grant) => grant.role === role && grant.project === project),
          )
          return { ...permission, groups: having.map(({ name }) => name) }
        }),
      )
      return sync(shown)
    },
  },
})
