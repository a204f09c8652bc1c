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

export async function getStoragePool(
  connection: Connection,
  name: string,
): Promise<{ readonly pool: StoragePool; readonly etag: string | undefined }> {
  const reply = await connection.request<StoragePool>('GET', path`/1.0/storage-pools/${name}`)
  return { pool: reply.metadata, etag: reply.etag }
}
