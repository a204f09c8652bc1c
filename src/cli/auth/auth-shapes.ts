import { fields, list, map } from '../shape.ts'

const permission = fields({ entity_type: 'text', url: 'text', entitlement: 'text' })
const groupPut = { description: 'text', permissions: list(permission) } as const

/** What `auth group edit` reads. */
export const authGroupPut = fields(groupPut)

/** What `auth group show` prints. */
export const authGroupShape = fields({
  name: 'text',
  ...groupPut,
  identities: map(list('text')),
  identity_provider_groups: list('text'),
})

/** What `auth identity edit` reads. */
export const identityPut = fields({ groups: list('text') })

const identity = {
  authentication_method: 'text',
  type: 'text',
  id: 'text',
  name: 'text',
  groups: list('text'),
  tls_certificate: 'text',
} as const

/** What `auth identity show` prints. */
export const identityShape = fields(identity)

/** What `auth identity info` prints. */
export const identityInfoShape = fields({
  ...identity,
  effective_groups: list('text'),
  effective_permissions: list(permission),
  fine_grained: 'bool',
})

/** What `auth permission list` prints as data. */
export const permissionShape = fields({ entity_type: 'text', url: 'text', entitlement: 'text', groups: list('text') })

/** What `auth identity-provider-group show` prints. */
export const identityProviderGroupShape = fields({ name: 'text', groups: list('text') })
