import { unavailable } from '#base/failure.ts'

import { path, type Connection } from './connection.ts'
import { awaitEnd, type Operation } from './operations.ts'
import { openWebSocket, type WebSocket } from './websocket.ts'

/** A command to run in an instance. */
export interface ExecPost {
  readonly command: readonly string[]
  /** On a terminal of its own, of `width` by `height` characters. */
  readonly interactive: boolean
  readonly environment?: Readonly<Record<string, string>>
  readonly width?: number
  readonly height?: number
  readonly user?: number
  readonly group?: number
  readonly cwd?: string
}

/** Where a command's input comes from and its output goes. On a terminal, errors come with the output. */
export interface ExecStreams {
  readonly input?: AsyncIterable<Uint8Array>
  readonly output: (bytes: Uint8Array) => Promise<void> | void
  readonly errors: (bytes: Uint8Array) => Promise<void> | void
  /** Resolves when the user goes and the session is to end. */
  readonly detached?: Promise<undefined>
  /** Told, once the command runs, how to reach it. */
  readonly onStart?: (control: ExecControl) => void
}

/** What can be told a running command. */
export interface ExecControl {
  readonly resize: (width: number, height: number) => void
  /** A signal by its number. */
  readonly signal: (number: number) => void
}

/** How a command ended. */
export interface ExecResult {
  /** 127 where it could not be found, 126 where it could not be run, 128 and the signal where one killed it. */
  readonly code: number
  /** What kept it from running. */
  readonly error: string | undefined
}

/** Runs a command in an instance until it ends. */
export async function execInstance(
  connection: Connection,
  name: string,
  post: ExecPost,
  streams: ExecStreams,
): Promise<ExecResult> {
  const body = { ...post, 'wait-for-websocket': true, 'record-output': false }
  const reply = await connection.request<Operation>('POST', path`/1.0/instances/${name}/exec`, body)
  const ended = await runSession(connection, reply.metadata, { interactive: post.interactive, streams })
  const code = ended.metadata?.['return']
  if (typeof code !== 'number') throw unavailable(ended.err || 'The server did not say how the command ended')
  return { code, error: ended.err || undefined }
}

/** Joins the websockets of an operation to streams until it is over. */
export async function runSession(
  connection: Connection,
  operation: Operation,
  { interactive, streams }: { readonly interactive: boolean; readonly streams: ExecStreams },
): Promise<Operation> {
  const secrets = (operation.metadata?.['fds'] ?? {}) as Readonly<Record<string, string>>

  const open = async (descriptor: string): Promise<WebSocket> => {
    const secret = secrets[descriptor]
    if (secret === undefined) throw unavailable(`The server offers no websocket "${descriptor}" for the session`)
    return await openWebSocket(connection, path`/1.0/operations/${operation.id}/websocket`, { secret })
  }
  const [control, ...sockets] = await Promise.all(['control', ...(interactive ? ['0'] : ['0', '1', '2'])].map(open))
  const [input, output = input, errors] = sockets
  if (control === undefined || input === undefined || output === undefined) throw unavailable('No websockets')

  streams.onStart?.(controlOver(control))
  void drain(control)
  void feed(input, streams.input, interactive)
  const flowing = Promise.all([
    flow(output, streams.output),
    ...(errors === undefined ? [] : [flow(errors, streams.errors), drain(input)]),
  ])
  // It is waited for below; until then a failure must not count as nobody's.
  flowing.catch(() => {})

  try {
    const ended = await Promise.race([
      awaitEnd(connection, operation.id),
      streams.detached ?? new Promise<never>(() => {}),
    ])
    if (ended === undefined) return operation
    if (typeof ended.metadata?.['return'] === 'number' || !ended.err) await flowing
    return ended
  } finally {
    for (const socket of [control, input, output, errors]) socket?.close()
  }
}

function controlOver(socket: WebSocket): ExecControl {
  // A control message that gets lost with the connection needs no answer: the loss shows elsewhere.
  const send = (message: unknown): void => void socket.send(JSON.stringify(message)).catch(() => {})
  return {
    resize: (width, height) =>
      send({ command: 'window-resize', args: { width: String(width), height: String(height) } }),
    signal: (number) => send({ command: 'signal', signal: number }),
  }
}

/** Sends all input. An empty text message tells where it ends. */
async function feed(
  socket: WebSocket,
  input: AsyncIterable<Uint8Array> | undefined,
  interactive: boolean,
): Promise<void> {
  try {
    for await (const piece of input ?? []) await socket.send(piece)
    if (!interactive) await socket.send('')
  } catch {
    // The command may end before it has read all of its input.
  }
}

/** Passes output on until the other side says with a text message, or by closing, that there is no more. */
async function flow(socket: WebSocket, to: (bytes: Uint8Array) => Promise<void> | void): Promise<void> {
  for await (const { text, data } of socket) {
    if (text) break
    await to(data)
  }
}

/** Reads what comes on a websocket only so that it can be closed properly. */
async function drain(socket: WebSocket): Promise<void> {
  try {
    for await (const _ of socket);
  } catch {
    // Nothing was expected from it.
  }
}
