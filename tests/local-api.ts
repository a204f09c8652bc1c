import { request } from 'node:http'

/** Where a daemon in a sandbox listens. */
export const socketPath = '/var/lib/lxd/unix.socket'

/** What every answer has. */
export interface LocalAnswer {
  readonly error: string
  readonly operation: string
  readonly metadata: unknown
}

/** Asks the API of the daemon in this sandbox, on a connection of its own. */
export async function call(method: string, path: string, body?: object): Promise<LocalAnswer> {
  const { promise, resolve, reject } = Promise.withResolvers<LocalAnswer>()
  const ask = request({ method, path, socketPath, agent: false })
  ask.on('error', reject)
  ask.on('response', (response) => {
    response
      .toArray()
      .then((chunks) => resolve(JSON.parse(Buffer.concat(chunks as Buffer[]).toString()) as LocalAnswer), reject)
  })
  ask.end(body && JSON.stringify(body))
  return await promise
}

/** Does something and waits until it is over; the error it ended with, or "". */
export async function finish(method: string, path: string, body?: object): Promise<string> {
  const { error, operation } = await call(method, path, body)
  if (error || !operation) return error
  const { metadata, error: gone } = await call('GET', `${operation}/wait?timeout=60`)
  return gone || (metadata as { err: string }).err
}
