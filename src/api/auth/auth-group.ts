import { AuthGroup, AuthGroupPatch, AuthGroupPost, AuthGroupPut } from '#schema/auth.ts'
import type { AuthGroupRecord } from '#store/auth-group-record.ts'
import { entityUrl } from '../list.ts'
import { created, done, sync } from '../reply.ts'
import { route } from '../route.ts'
import type { Services } from '../services.ts'
import { permissionJson, readPermissions } from './permissions-json.ts'

/** A group as the API shows it. */
export function authGroupJson(services: Services, { name, description, grants }: AuthGroupRecord): AuthGroup {
  const { identities, providerGroups } = services.groups.members(name)
  const byMethod: Record<string, string[]> = {}
  for (const { method, id } of identities) (byMethod[method] ??= []).push(id)
  const permissions = grants.map(permissionJson)
  return { name, description, permissions, identities: byMethod, identity_provider_groups: [...providerGroups] }
}

function etag({ name, description, grants }: AuthGroupRecord): unknown {
  return [name, description, grants]
}

export const authGroup = route('/1.0/auth/groups/{name}', {
  get: {
    doc: 'Get a group, its members and its permissions.',
    access: 'view-server',
    reply: AuthGroup,
    handle(services, { params }) {
      const group = services.groups.get(params.name)
      return sync(authGroupJson(services, group), etag(group))
    },
  },
  put: {
    doc: 'Replace the description and the permissions of a group.',
    access: 'admin',
    body: AuthGroupPut,
    async handle(services, { params, body: { description, permissions }, checkEtag, requestor }) {
      const change = (group: AuthGroupRecord) => {
        checkEtag(etag(group))
        return { description, grants: readPermissions(permissions) }
      }
      await services.groups.update(params.name, change, requestor)
      return done()
    },
  },
  patch: {
    doc: 'Change the description of a group, or add permissions to those it has.',
    access: 'admin',
    body: AuthGroupPatch,
    async handle(services, { params, body, checkEtag, requestor }) {
      const change = (group: AuthGroupRecord) => {
        checkEtag(etag(group))
        const added = readPermissions(body.permissions ?? [])
        return { description: body.description ?? group.description, grants: [...group.grants, ...added] }
      }
      await services.groups.update(params.name, change, requestor)
      return done()
    },
  },
  post: {
    doc: 'Rename a group.',
    access: 'admin',
    body: AuthGroupPost,
    async handle(services, { params, body, requestor }) {
      await services.groups.rename(params.name, body.name, requestor)
      return created(entityUrl(['auth', 'groups', body.name]))
    },
  },
  delete: {
    doc: 'Delete a group. Nobody is in it any more.',
    access: 'admin',
    async handle(services, { params, requestor }) {
      await services.groups.delete(params.name, requestor)
      return done()
    },
  },
})
