import Type from 'typebox'
import type { Static } from 'typebox'
import { StringList } from './common.ts'

/** Something that members of a group may do. */
export const Permission = Type.Object(
  {
    entity_type: Type.String({ description: 'Either server or project' }),
    url: Type.String({ description: '/1.0 for the server, /1.0/projects/NAME for a project' }),
    entitlement: Type.String({ description: 'One of viewer, operator, project_manager and admin' }),
  },
  { title: 'Permission' },
)
export type Permission = Static<typeof Permission>

/** Something that can be granted and, with `recursion=1`, the groups it is granted to. */
export const PermissionInfo = Type.Object({ ...Permission.properties, groups: StringList }, { title: 'PermissionInfo' })

/** What a client may change of a group. */
export const AuthGroupPut = Type.Object(
  { description: Type.String(), permissions: Type.Array(Permission) },
  { title: 'AuthGroupPut' },
)

/** The same with every field optional: what is absent stays as it is. */
export const AuthGroupPatch = Type.Partial(AuthGroupPut, { title: 'AuthGroupPatch' })

/** A new group. */
export const AuthGroupsPost = Type.Object(
  { ...AuthGroupPut.properties, name: Type.String() },
  { title: 'AuthGroupsPost' },
)

/** A rename of a group. */
export const AuthGroupPost = Type.Object({ name: Type.String({ description: 'New name' }) }, { title: 'AuthGroupPost' })

/** A group as the API shows it. */
export const AuthGroup = Type.Object(
  {
    ...AuthGroupsPost.properties,
    identities: Type.Record(Type.String(), StringList, { description: 'Ids of members by authentication method' }),
    identity_provider_groups: StringList,
  },
  { title: 'AuthGroup' },
)
export type AuthGroup = Static<typeof AuthGroup>

/** What a client may change of an identity. */
export const IdentityPut = Type.Object({ groups: StringList }, { title: 'IdentityPut' })

/** The same, where what is absent stays as it is. */
export const IdentityPatch = Type.Partial(IdentityPut, { title: 'IdentityPatch' })

/** An identity that is declared before it was ever seen. */
export const IdentitiesPost = Type.Object(
  {
    ...IdentityPut.properties,
    id: Type.String({ description: 'user:NAME, group:NAME, uid:NUMBER, gid:NUMBER; for OIDC an address or a subject' }),
    name: Type.String({ description: 'For people to read' }),
  },
  { title: 'IdentitiesPost' },
)

/** Someone who may use the API. */
export const Identity = Type.Object(
  {
    authentication_method: Type.String({ description: 'One of unix, tls and oidc' }),
    type: Type.String({ description: 'Kind of identity, such as "OIDC client"' }),
    id: Type.String(),
    name: Type.String(),
    groups: StringList,
    tls_certificate: Type.String({ description: 'PEM; empty where it is no certificate' }),
  },
  { title: 'Identity' },
)
export type Identity = Static<typeof Identity>

/** Who the client itself is, and what it may do. */
export const IdentityInfo = Type.Object(
  {
    ...Identity.properties,
    effective_groups: Type.Array(Type.String(), { description: 'Own groups and those of identity provider groups' }),
    effective_permissions: Type.Array(Permission),
    fine_grained: Type.Boolean({ description: 'Whether all it may do comes from groups' }),
  },
  { title: 'IdentityInfo' },
)
export type IdentityInfo = Static<typeof IdentityInfo>

/** What a client may change of an identity provider group. */
export const IdentityProviderGroupPut = Type.Object({ groups: StringList }, { title: 'IdentityProviderGroupPut' })

/** The same, where what is absent stays as it is. */
export const IdentityProviderGroupPatch = Type.Partial(IdentityProviderGroupPut, {
  title: 'IdentityProviderGroupPatch',
})

/** A group of the identity provider and the groups its members are in. */
export const IdentityProviderGroup = Type.Object(
  { ...IdentityProviderGroupPut.properties, name: Type.String({ description: "The provider's name for it" }) },
  { title: 'IdentityProviderGroup' },
)

/** A rename of an identity provider group. */
export const IdentityProviderGroupPost = Type.Object(
  { name: Type.String({ description: 'New name' }) },
  { title: 'IdentityProviderGroupPost' },
)
