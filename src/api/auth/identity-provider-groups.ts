import { IdentityProviderGroup } from '#schema/auth.ts'
import { listOf } from '#schema/common.ts'
import { entityUrl, listReply } from '../list.ts'
import { created } from '../reply.ts'
import { route } from '../route.ts'

export const identityProviderGroups = route('/1.0/auth/identity-provider-groups', {
  get: {
    doc: 'List the groups of the identity provider that are mapped to groups.',
    access: 'view-server',
    reply: listOf(IdentityProviderGroup),
    handle: (services, request) =>
      listReply(request, services.providerGroups.list(), {
        url: ({ name }) => entityUrl(['auth', 'identity-provider-groups', name]),
        object: ({ name, groups }) => ({ name, groups }),
      }),
  },
  post: {
    doc: 'Map a group of the identity provider to groups.',
    access: 'admin',
    body: IdentityProviderGroup,
    async handle(services, { body: { name, groups }, requestor }) {
      await services.providerGroups.create(name, groups, requestor)
      return created(entityUrl(['auth', 'identity-provider-groups', name]))
    },
  },
})
