import { Identity } from '#schema/auth.ts'
import { listOf } from '#schema/common.ts'
import { listReply } from '../list.ts'
import { route } from '../route.ts'
import { identityJson, identityUrl } from './identity.ts'

export const identities = route('/1.0/auth/identities', {
  get: {
    doc: 'List everyone the server knows.',
    access: 'view-server',
    reply: listOf(Identity),
    handle: (services, request) =>
      listReply(request, services.identities.list(), { url: identityUrl, object: identityJson }),
  },
})
