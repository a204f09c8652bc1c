import { path, type Connection } from './connection.ts'
import type { Config, Devices } from './instances.ts'

/** What a caller may change of a profile. */
export interface ProfilePut {
  readonly config: Config
  readonly description: string
  readonly devices: Devices
}

export interface Profile extends ProfilePut {
  readonly name: string
  readonly used_by: readonly string[] | null
}

export async function listProfiles(connection: Connection): Promise<Profile[]> {
  return (await connection.get<Profile[] | null>('/1.0/profiles', { query: { recursion: 1 } })) ?? []
}

export async function getProfile(
  connection: Connection,
  name: string,
): Promise<{ readonly profile: Profile; readonly etag: string | undefined }> {
  const reply = await connection.request<Profile>('GET', path`/1.0/profiles/${name}`)
  return { profile: reply.metadata, etag: reply.etag }
}

export async function createProfile(
  connection: Connection,
  profile: Partial<ProfilePut> & { readonly name: string },
): Promise<void> {
  await connection.request('POST', '/1.0/profiles', profile)
}

/** Replaces what may be changed of a profile; refused when it has changed since `etag`. */
export async function updateProfile(
  connection: Connection,
  name: string,
  put: ProfilePut,
  etag?: string,
): Promise<void> {
  await connection.request('PUT', path`/1.0/profiles/${name}`, put, { etag })
}

export async function renameProfile(connection: Connection, name: string, to: string): Promise<void> {
  await connection.request('POST', path`/1.0/profiles/${name}`, { name: to })
}

export async function deleteProfile(connection: Connection, name: string): Promise<void> {
  await connection.request('DELETE', path`/1.0/profiles/${name}`)
}
