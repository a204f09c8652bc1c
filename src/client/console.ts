import { path, readText, type Connection } from './connection.ts'
import { runSession, type ExecStreams } from './exec.ts'
import type { Operation } from './operations.ts'
import { unavailable } from '#base/failure.ts'

/** How a console is wanted. */
export interface ConsolePost {
  readonly width: number
  readonly height: number
  readonly type: string
  readonly force: boolean
}

/** Connects to the console of an instance until the user goes or the instance stops. */
export async function attachConsole(
  connection: Connection,
  name: string,
  post: ConsolePost,
  streams: ExecStreams,
): Promise<void> {
  const reply = await connection.request<Operation>('POST', path`/1.0/instances/${name}/console`, post)
  const ended = await runSession(connection, reply.metadata, { interactive: true, streams })
  if (ended.err) throw unavailable(ended.err)
}

/** What was written to the console of an instance. */
export async function getConsoleLog(connection: Connection, name: string): Promise<string> {
  await using reply = await connection.open('GET', path`/1.0/instances/${name}/console`)
  const text = await readText(reply.body)
  if (reply.status === 200) return text
  throw unavailable((JSON.parse(text) as { error?: string }).error ?? `Status ${reply.status}`)
}
