import { AuthGroup, AuthGroupsPost } from '#schema/auth.ts'
import { listOf } from '#schema/common.ts'
import { entityUrl, listReply } from '../list.ts'
import { created } from '../reply.ts'
import { route } from '../route.ts'
import { authGroupJson } from './auth-group.ts'
import { readPermissions } from './permissions-json.ts'

export const authGroups = route('/1.0/auth/groups', {
  get: {
    doc: 'List the groups that roles are given to.',
    access: 'view-server',
    reply: listOf(AuthGroup),
    handle: (services, request) =>
      listReply(request, services.groups.list(), {
        url: ({ name }) => entityUrl(['auth', 'groups', name]),
        object: (group) => authGroupJson(services, group),
      }),
  },
  post: {
    doc: 'Add a group.',
    access: 'admin',
    body: AuthGroupsPost,
    async handle(services, { body: { name, description, permissions }, requestor }) {
      await services.groups.create(name, { description, grants: readPermissions(permissions) }, requestor)
      return created(entityUrl(['auth', 'groups', name]))
    },
  },
})
