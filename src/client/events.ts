import type { Connection } from './connection.ts'
import { openWebSocket, type WebSocket } from './websocket.ts'

/** Something that happened on the daemon. `timestamp` is RFC 3339. */
export interface Event {
  readonly type: string
  readonly timestamp: string
  readonly metadata: unknown
  readonly location?: string
  readonly project?: string
}

/** The events of a daemon as they happen, until closed or the daemon ends. */
export interface Events extends AsyncIterable<Event> {
  close(): void
}

/** Listens. Events that happen after this has returned are not missed. */
export async function openEvents(
  connection: Connection,
  options: { readonly types?: readonly string[]; readonly allProjects?: boolean } = {},
): Promise<Events> {
  const types = options.types === undefined || options.types.length === 0 ? undefined : options.types.join(',')
  const query = { type: types, 'all-projects': options.allProjects ?? false }
  const socket = await openWebSocket(connection, '/1.0/events', query)
  return { close: () => socket.close(), [Symbol.asyncIterator]: () => read(socket) }
}

async function* read(socket: WebSocket): AsyncGenerator<Event> {
  for await (const { data } of socket) yield JSON.parse(Buffer.from(data).toString()) as Event
}
