import { path, type Connection } from './connection.ts'

/** Something the server wants its administrators to know of. Times are RFC 3339. */
export interface Warning {
  readonly status: string
  readonly uuid: string
  readonly location: string
  readonly project: string
  readonly type: string
  readonly count: number
  readonly first_seen_at: string
  readonly last_seen_at: string
  readonly last_message: string
  readonly severity: string
  readonly entity_url: string
}

/** All warnings, or where the connection is to a project, its own. */
export async function listWarnings(connection: Connection): Promise<Warning[]> {
  return (await connection.get<Warning[] | null>('/1.0/warnings', { query: { recursion: 1 } })) ?? []
}

export async function getWarning(connection: Connection, uuid: string): Promise<Warning> {
  return await connection.get<Warning>(path`/1.0/warnings/${uuid}`)
}

export async function acknowledgeWarning(connection: Connection, uuid: string): Promise<void> {
  await connection.request('PUT', path`/1.0/warnings/${uuid}`, { status: 'acknowledged' })
}

export async function deleteWarning(connection: Connection, uuid: string): Promise<void> {
  await connection.request('DELETE', path`/1.0/warnings/${uuid}`)
}
