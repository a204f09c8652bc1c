import { IdentitiesPost, Identity } from '#schema/auth.ts'
import { listOf } from '#schema/common.ts'
import { listReply } from '../list.ts'
import { created } from '../reply.ts'
import { route } from '../route.ts'
import { identityJson, identityUrl, readMethod } from './identity.ts'

export const identitiesByMethod = route('/1.0/auth/identities/{method}', {
  get: {
    doc: 'List everyone the server knows by one way to prove who they are: unix, tls or oidc.',
    access: 'view-server',
    reply: listOf(Identity),
    handle: (services, request) =>
      listReply(request, services.identities.list(readMethod(request.params.method)), {
        url: identityUrl,
        object: identityJson,
      }),
  },
  post: {
    doc: 'Declare a local user or group, or a user of the identity provider, before they were ever seen.',
    access: 'admin',
    body: IdentitiesPost,
    async handle(services, { params, body, requestor }) {
      const method = readMethod(params.method)
      await services.identities.create(method, body, requestor)
      return created(identityUrl({ method, id: body.id }))
    },
  },
})
