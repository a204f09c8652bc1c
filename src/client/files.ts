import { SftpClient } from '#base/sftp-client.ts'
import { unavailable } from '#base/failure.ts'

import { path, readText, type Connection } from './connection.ts'
import { hostOf, openStream } from './endpoint.ts'
import { exchange } from './http.ts'
import type { Incoming } from './incoming.ts'

/** A session with the files of an instance. */
export interface Files extends Disposable {
  readonly client: SftpClient
}

/** Opens a session with the files of an instance. Throws the server's error if it answers with one. */
export async function openFiles(connection: Connection, instance: string): Promise<Files> {
  const stream = await openStream(connection.endpoint)
  try {
    const reply = await exchange(stream, {
      method: 'GET',
      target: connection.target(path`/1.0/instances/${instance}/sftp`),
      host: hostOf(connection.endpoint),
      headers: { ...(await connection.authorization()), Connection: 'Upgrade', Upgrade: 'sftp' },
    })
    if (reply.status !== 101) throw unavailable(refusal(await readText(reply.body, 1024 * 1024), reply.status))
    return { client: new SftpClient(chunks(reply.incoming), stream), [Symbol.dispose]: () => void stream.destroy() }
  } catch (error) {
    stream.destroy()
    throw error
  }
}

async function* chunks(incoming: Incoming): AsyncGenerator<Uint8Array> {
  for (let chunk = await incoming.some(); chunk !== undefined; chunk = await incoming.some()) yield chunk
}

function refusal(body: string, status: number): string {
  try {
    const { error } = JSON.parse(body) as { error?: string }
    if (error) return error
  } catch {
    // No envelope: the status has to do.
  }
  return `The server refused access to the files with status ${status}`
}
