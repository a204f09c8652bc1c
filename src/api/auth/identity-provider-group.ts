import {
  IdentityProviderGroup,
  IdentityProviderGroupPatch,
  IdentityProviderGroupPost,
  IdentityProviderGroupPut,
} from '#schema/auth.ts'
import type { IdentityProviderGroupRecord } from '#store/identity-provider-group-record.ts'
import { nameSet } from '#auth/group-names.ts'
import { entityUrl } from '../list.ts'
import { created, done, sync } from '../reply.ts'
import { route } from '../route.ts'

function etag({ name, groups }: IdentityProviderGroupRecord): unknown {
  return [name, groups]
}

export const identityProviderGroup = route('/1.0/auth/identity-provider-groups/{name}', {
  get: {
    doc: 'Get the groups that a group of the identity provider is mapped to.',
    access: 'view-server',
    reply: IdentityProviderGroup,
    handle(services, { params }) {
      const found = services.providerGroups.get(params.name)
      return sync({ name: found.name, groups: found.groups }, etag(found))
    },
  },
  put: {
    doc: 'Map a group of the identity provider to other groups.',
    access: 'admin',
    body: IdentityProviderGroupPut,
    async handle(services, { params, body, checkEtag, requestor }) {
      const change = (found: IdentityProviderGroupRecord) => {
        checkEtag(etag(found))
        return body.groups
      }
      await services.providerGroups.update(params.name, change, requestor)
      return done()
    },
  },
  patch: {
    doc: 'Map a group of the identity provider to more groups.',
    access: 'admin',
    body: IdentityProviderGroupPatch,
    async handle(services, { params, body, checkEtag, requestor }) {
      const change = (found: IdentityProviderGroupRecord) => {
        checkEtag(etag(found))
        return nameSet([...found.groups, ...(body.groups ?? [])])
      }
      await services.providerGroups.update(params.name, change, requestor)
      return done()
    },
  },
  post: {
    doc: 'Rename the mapping of a group of the identity provider.',
    access: 'admin',
    body: IdentityProviderGroupPost,
    async handle(services, { params, body, requestor }) {
      await services.providerGroups.rename(params.name, body.name, requestor)
      return created(entityUrl(['auth', 'identity-provider-groups', body.name]))
    },
  },
  delete: {
    doc: 'Delete the mapping of a group of the identity provider.',
    access: 'admin',
    async handle(services, { params, requestor }) {
      await services.providerGroups.delete(params.name, requestor)
      return done()
    },
  },
})
