import type { Connection } from './connection.ts'

/** The daemon, its settings and what it runs on. */
export interface Server {
  readonly config: Readonly<Record<string, unknown>> | null
  readonly api_extensions: readonly string[] | null
  readonly auth: string
  readonly auth_methods?: readonly string[] | null
  readonly environment: {
    readonly project?: string
    /** Where it listens on the network: host and port. */
    readonly addresses?: readonly string[] | null
    /** PEM. */
    readonly certificate?: string
    readonly server_version?: string
    readonly server_clustered?: boolean
    readonly server_name?: string
  }
}

export async function getServer(
  connection: Connection,
): Promise<{ readonly server: Server; readonly etag: string | undefined }> {
  const reply = await connection.request<Server>('GET', '/1.0')
  return { server: reply.metadata, etag: reply.etag }
}

/** Replaces the daemon's settings; refused when they have changed since `etag`. */
export async function updateServer(
  connection: Connection,
  config: Readonly<Record<string, unknown>>,
  etag?: string,
): Promise<void> {
  await connection.request('PUT', '/1.0', { config }, { etag })
}

/** The machine's processors, memory, disks and network cards. */
export async function getResources(connection: Connection): Promise<unknown> {
  return await connection.get('/1.0/resources')
}
