import { path, type Connection } from './connection.ts'

/** Something that members of a group may do: an entitlement on the server (`/1.0`) or on a project, by its URL. */
export interface Permission {
  readonly entity_type: string
  readonly url: string
  readonly entitlement: string
}

/** What can be granted, and the groups it is granted to. */
export interface PermissionInfo extends Permission {
  readonly groups: readonly string[] | null
}

/** What a caller may change of a group. */
export interface AuthGroupPut {
  readonly description: string
  readonly permissions: readonly Permission[] | null
}

export interface AuthGroup extends AuthGroupPut {
  readonly name: string
  /** Ids of members by authentication method. */
  readonly identities: Readonly<Record<string, readonly string[]>> | null
  readonly identity_provider_groups: readonly string[] | null
}

/** Someone who may use the API. */
export interface Identity {
  readonly authentication_method: string
  readonly type: string
  readonly id: string
  readonly name: string
  readonly groups: readonly string[] | null
  /** PEM; empty where it is no certificate. */
  readonly tls_certificate: string
}

/** A group of the identity provider and the groups its members are in. */
export interface IdentityProviderGroup {
  readonly name: string
  readonly groups: readonly string[] | null
}

/** An object and what it was like, for a change that must not overwrite another's. */
export interface Tagged<T> {
  readonly value: T
  readonly etag: string | undefined
}

async function tagged<T>(connection: Connection, target: string): Promise<Tagged<T>> {
  const reply = await connection.request<T>('GET', target)
  return { value: reply.metadata, etag: reply.etag }
}

async function all<T>(connection: Connection, target: string): Promise<T[]> {
  return (await connection.get<T[] | null>(target, { query: { recursion: 1 } })) ?? []
}

export async function listAuthGroups(connection: Connection): Promise<AuthGroup[]> {
  return await all(connection, '/1.0/auth/groups')
}

export async function getAuthGroup(connection: Connection, name: string): Promise<Tagged<AuthGroup>> {
  return await tagged(connection, path`/1.0/auth/groups/${name}`)
}

export async function createAuthGroup(connection: Connection, name: string, put: AuthGroupPut): Promise<void> {
  await connection.request('POST', '/1.0/auth/groups', { ...put, name })
}

/** Replaces what may be changed of a group; refused when it has changed since `etag`. */
export async function updateAuthGroup(
  connection: Connection,
  name: string,
  { description, permissions }: AuthGroupPut,
  etag?: string,
): Promise<void> {
  await connection.request('PUT', path`/1.0/auth/groups/${name}`, { description, permissions }, { etag })
}

export async function renameAuthGroup(connection: Connection, name: string, to: string): Promise<void> {
  await connection.request('POST', path`/1.0/auth/groups/${name}`, { name: to })
}

export async function deleteAuthGroup(connection: Connection, name: string): Promise<void> {
  await connection.request('DELETE', path`/1.0/auth/groups/${name}`)
}

/** How an identity is found: the way it is proved, and its id. */
export interface IdentityPath {
  readonly method: string
  readonly id: string
}

export async function listIdentities(connection: Connection): Promise<Identity[]> {
  return await all(connection, '/1.0/auth/identities')
}

export async function getIdentity(connection: Connection, { method, id }: IdentityPath): Promise<Tagged<Identity>> {
  return await tagged(connection, path`/1.0/auth/identities/${method}/${id}`)
}

/** Who the caller is to the server, and what it may do. */
export async function getCurrentIdentity(connection: Connection): Promise<unknown> {
  return await connection.get('/1.0/auth/identities/current')
}

/** Declares someone who has not been seen yet. */
export async function createIdentity(
  connection: Connection,
  { method, id }: IdentityPath,
  post: { readonly name: string; readonly groups: readonly string[] },
): Promise<void> {
  await connection.request('POST', path`/1.0/auth/identities/${method}`, { ...post, id })
}

/** Replaces the groups someone is in; refused when they have changed since `etag`. */
export async function updateIdentity(
  connection: Connection,
  { method, id }: IdentityPath,
  groups: readonly string[],
  etag?: string,
): Promise<void> {
  await connection.request('PUT', path`/1.0/auth/identities/${method}/${id}`, { groups }, { etag })
}

export async function deleteIdentity(connection: Connection, { method, id }: IdentityPath): Promise<void> {
  await connection.request('DELETE', path`/1.0/auth/identities/${method}/${id}`)
}

/** What can be granted, of one kind of thing or project only where asked for. */
export async function listPermissions(
  connection: Connection,
  filter: { readonly entityType?: string; readonly project?: string } = {},
): Promise<PermissionInfo[]> {
  // The project is part of the question here: the connection's own has no say.
  const query = { recursion: 1, 'entity-type': filter.entityType, project: filter.project }
  return (await connection.get<PermissionInfo[] | null>('/1.0/auth/permissions', { query })) ?? []
}

export async function listIdentityProviderGroups(connection: Connection): Promise<IdentityProviderGroup[]> {
  return await all(connection, '/1.0/auth/identity-provider-groups')
}

export async function getIdentityProviderGroup(
  connection: Connection,
  name: string,
): Promise<Tagged<IdentityProviderGroup>> {
  return await tagged(connection, path`/1.0/auth/identity-provider-groups/${name}`)
}

export async function createIdentityProviderGroup(connection: Connection, group: IdentityProviderGroup): Promise<void> {
  await connection.request('POST', '/1.0/auth/identity-provider-groups', group)
}

/** Replaces the groups that members are in; refused when they have changed since `etag`. */
export async function updateIdentityProviderGroup(
  connection: Connection,
  { name, groups }: IdentityProviderGroup,
  etag?: string,
): Promise<void> {
  await connection.request('PUT', path`/1.0/auth/identity-provider-groups/${name}`, { groups }, { etag })
}

export async function renameIdentityProviderGroup(connection: Connection, name: string, to: string): Promise<void> {
  await connection.request('POST', path`/1.0/auth/identity-provider-groups/${name}`, { name: to })
}

export async function deleteIdentityProviderGroup(connection: Connection, name: string): Promise<void> {
  await connection.request('DELETE', path`/1.0/auth/identity-provider-groups/${name}`)
}
