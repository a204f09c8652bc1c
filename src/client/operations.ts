import { Failure } from '#base/failure.ts'

import { path, type Connection, type Reply, type RequestOptions } from './connection.ts'

/** A background task of the daemon. Times are RFC 3339. */
export interface Operation {
  readonly id: string
  readonly class: string
  readonly description: string
  readonly created_at: string
  readonly updated_at: string
  readonly status: string
  readonly status_code: number
  readonly resources: Readonly<Record<string, readonly string[]>> | null
  readonly metadata: Readonly<Record<string, unknown>> | null
  readonly may_cancel: boolean
  readonly err: string
  readonly location: string
}

const FINAL = 200
const FAILED = 400
const CANCELLED = 401

export interface WaitOptions {
  /** Told of each change on the way. Costs an event connection. */
  readonly onUpdate?: ((operation: Operation) => void) | undefined
  /** Cancels the operation where it can be cancelled. */
  readonly signal?: AbortSignal | undefined
}

/** Asks for something that may take long and waits until it is done. Gives the operation's metadata. */
export async function perform<T = Record<string, unknown> | null>(
  connection: Connection,
  request: { readonly method: string; readonly path: string; readonly body?: unknown } & RequestOptions,
  options: WaitOptions = {},
): Promise<T> {
  const { method, path: target, body, ...rest } = request
  const reply = await connection.request<Operation>(method, target, body, rest)
  return (await finish(connection, reply, options)) as T
}

/** Waits for the operation a reply started, if it started one. Gives what the reply, or the operation, has to tell. */
export async function finish(
  connection: Connection,
  reply: Reply<unknown>,
  options: WaitOptions = {},
): Promise<unknown> {
  if (reply.operation === undefined) return reply.metadata
  const operation = await waitOperation(connection, reply.metadata as Operation, options)
  return operation.metadata
}

/** Waits until an operation has ended. Throws its error if it failed or was cancelled. */
export async function waitOperation(
  connection: Connection,
  { id }: Pick<Operation, 'id'>,
  { onUpdate, signal }: WaitOptions = {},
): Promise<Operation> {
  using _ = onUpdate === undefined ? undefined : await followOperation(connection, id, onUpdate)
  const cancel = (): void => void cancelOperation(connection, id).catch(() => {})
  signal?.addEventListener('abort', cancel)
  try {
    const ended = await awaitEnd(connection, id)
    if (ended.status_code >= FAILED) {
      throw new Failure(ended.status_code === CANCELLED ? 'conflict' : 'internal', ended.err || ended.status)
    }
    return ended
  } finally {
    signal?.removeEventListener('abort', cancel)
  }
}

/** Waits until an operation has ended, well or not. */
export async function awaitEnd(connection: Connection, id: string): Promise<Operation> {
  return await connection.get<Operation>(path`/1.0/operations/${id}/wait`)
}

/** All operations of the connection's project, by status name in lower case. */
export async function listOperations(
  connection: Connection,
  options: { readonly allProjects?: boolean } = {},
): Promise<Operation[]> {
  const query = { recursion: 1, 'all-projects': options.allProjects ?? false }
  const byStatus = await connection.get<Record<string, Operation[]> | null>('/1.0/operations', { query })
  return Object.values(byStatus ?? {}).flat()
}

export async function getOperation(connection: Connection, id: string): Promise<Operation> {
  return await connection.get<Operation>(path`/1.0/operations/${id}`)
}

/** Asks an operation to stop. Throws when it is one that cannot. */
export async function cancelOperation(connection: Connection, id: string): Promise<void> {
  await connection.request('DELETE', path`/1.0/operations/${id}`)
}

/** Whether nothing more will happen to an operation. */
export function hasEnded(operation: Operation): boolean {
  return operation.status_code >= FINAL
}

async function followOperation(
  connection: Connection,
  id: string,
  onUpdate: (operation: Operation) => void,
): Promise<Disposable> {
  const { openEvents } = await import('./events.ts')
  const events = await openEvents(connection, { types: ['operation'] })
  void (async () => {
    for await (const event of events) {
      const operation = event.metadata as Operation
      if (operation.id === id) onUpdate(operation)
    }
  })().catch(() => {})

  return { [Symbol.dispose]: () => events.close() }
}
