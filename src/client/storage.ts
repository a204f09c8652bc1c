import { path, type Connection } from './connection.ts'
import type { Config } from './instances.ts'

/** What a caller may change of a storage pool. */
export interface StoragePoolPut {
  readonly config: Config
  readonly description: string
}

export interface StoragePool extends StoragePoolPut {
  readonly name: string
  readonly driver: string
  readonly used_by: readonly string[] | null
  readonly status: string
  readonly locations: readonly string[] | null
}

/** How full a pool is, in bytes and in inodes. */
export interface StoragePoolResources {
  readonly space: { readonly used?: number; readonly total: number }
  readonly inodes: { readonly used?: number; readonly total: number }
}

export interface StorageVolume {
  readonly config: Config
  readonly description: string
  readonly name: string
  readonly type: string
  readonly used_by: readonly string[] | null
  readonly location: string
  readonly content_type: string
  readonly project: string
  readonly created_at: string
}

export async function listStoragePools(connection: Connection): Promise<StoragePool[]> {
  return (await connection.get<StoragePool[] | null>('/1.0/storage-pools', { query: { recursion: 1 } })) ?? []
}

export async function getStoragePool(
  connection: Connection,
  name: string,
): Promise<{ readonly pool: StoragePool; readonly etag: string | undefined }> {
  const reply = await connection.request<StoragePool>('GET', path`/1.0/storage-pools/${name}`)
  return { pool: reply.metadata, etag: reply.etag }
}

export async function getStoragePoolResources(connection: Connection, name: string): Promise<StoragePoolResources> {
  return await connection.get<StoragePoolResources>(path`/1.0/storage-pools/${name}/resources`)
}

export async function createStoragePool(
  connection: Connection,
  pool: { readonly name: string; readonly driver: string; readonly config: Config },
  target?: string,
): Promise<void> {
  await connection.request('POST', '/1.0/storage-pools', { description: '', ...pool }, { query: { target } })
}

/** Replaces what may be changed of a pool; refused when it has changed since `etag`. */
export async function updateStoragePool(
  connection: Connection,
  name: string,
  { config, description }: StoragePoolPut,
  etag?: string,
): Promise<void> {
  await connection.request('PUT', path`/1.0/storage-pools/${name}`, { config, description }, { etag })
}

export async function deleteStoragePool(connection: Connection, name: string): Promise<void> {
  await connection.request('DELETE', path`/1.0/storage-pools/${name}`)
}

export async function listStorageVolumes(
  connection: Connection,
  pool: string,
  options: { readonly allProjects?: boolean } = {},
): Promise<StorageVolume[]> {
  const query = { recursion: 1, 'all-projects': options.allProjects ?? false }
  return (await connection.get<StorageVolume[] | null>(path`/1.0/storage-pools/${pool}/volumes`, { query })) ?? []
}

export async function getStorageVolume(
  connection: Connection,
  pool: string,
  volume: { readonly type: string; readonly name: string },
): Promise<StorageVolume> {
  return await connection.get<StorageVolume>(path`/1.0/storage-pools/${pool}/volumes/${volume.type}/${volume.name}`)
}
