import { identityMethods } from '#auth/identities.ts'
import type { KnownIdentity } from '#auth/identities.ts'
import { nameSet } from '#auth/group-names.ts'
import { notFound } from '#base/failure.ts'
import { Identity, IdentityPatch, IdentityPut } from '#schema/auth.ts'
import { entityUrl } from '../list.ts'
import { done, sync } from '../reply.ts'
import { route } from '../route.ts'

type Method = KnownIdentity['method']

/** An identity as the API shows it. */
export function identityJson({ method, type, id, name, groups, certificate }: KnownIdentity): Identity {
  return { authentication_method: method, type, id, name, groups: [...groups], tls_certificate: certificate }
}

export function identityUrl({ method, id }: Pick<KnownIdentity, 'method' | 'id'>): string {
  return entityUrl(['auth', 'identities', method, id])
}

/** The method that a path names. */
export function readMethod(text: string): Method {
  const method = identityMethods.find((one) => one === text)
  if (!method) throw notFound(`Unknown authentication method "${text}": expected ${identityMethods.join(', ')}`)
  return method
}

function etag({ method, id, name, groups }: KnownIdentity): unknown {
  return [method, id, name, groups]
}

export const identity = route('/1.0/auth/identities/{method}/{id}', {
  get: {
    doc: 'Get someone the server knows, and the groups they are in.',
    access: 'view-server',
    reply: Identity,
    handle(services, { params }) {
      const found = services.identities.get(readMethod(params.method), params.id)
      return sync(identityJson(found), etag(found))
    },
  },
  put: {
    doc: 'Put someone into these groups and no others.',
    access: 'admin',
    body: IdentityPut,
    async handle(services, { params, body, checkEtag, requestor }) {
      const change = (found: KnownIdentity) => {
        checkEtag(etag(found))
        return body.groups
      }
      await services.identities.update(readMethod(params.method), params.id, change, requestor)
      return done()
    },
  },
  patch: {
    doc: 'Put someone into more groups.',
    access: 'admin',
    body: IdentityPatch,
    async handle(services, { params, body, checkEtag, requestor }) {
      const change = (found: KnownIdentity) => {
        checkEtag(etag(found))
        return nameSet([...found.groups, ...(body.groups ?? [])])
      }
      await services.identities.update(readMethod(params.method), params.id, change, requestor)
      return done()
    },
  },
  delete: {
    doc: 'Forget a local user or group, or a user of the identity provider, with the groups they are in.',
    access: 'admin',
    async handle(services, { params, requestor }) {
      await services.identities.delete(readMethod(params.method), params.id, requestor)
      return done()
    },
  },
})
