import type { Identity } from '#auth/identity.ts'
import { IdentityInfo } from '#schema/auth.ts'
import { sync } from '../reply.ts'
import { route } from '../route.ts'
import type { Services } from '../services.ts'
import { permissionJson } from './permissions-json.ts'

/** What is known of the client beyond what it proved: what it is called, what kind it is. */
function described({ identities }: Services, { method, id }: Identity) {
  const found = identities.list().find((one) => one.method === method && one.id === id)
  const unknown = { type: method === 'unix' ? 'Local user' : '', name: id, certificate: '' }
  return found ?? unknown
}

export const currentIdentity = route('/1.0/auth/identities/current', {
  get: {
    doc: 'Get who the client itself is, and what it may do.',
    access: 'authenticated',
    reply: IdentityInfo,
    handle(services, { identity }) {
      const { method, id, grants, memberships } = identity
      const { type, name, certificate } = described(services, identity)
      const { own, effective, granted } = services.groups.describe(method, memberships)
      const once = new Map(grants.map((grant) => [JSON.stringify(permissionJson(grant)), permissionJson(grant)]))
      return sync({
        authentication_method: method,
        type,
        id,
        name,
        groups: [...own],
        tls_certificate: certificate,
        effective_groups: [...effective],
        effective_permissions: [...once.values()],
        fine_grained: grants.length === granted.length,
      } satisfies IdentityInfo)
    },
  },
})
