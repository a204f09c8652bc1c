import { createHash, timingSafeEqual } from 'node:crypto'
import type { Readable } from 'node:stream'
import { setTimeout as delay } from 'node:timers/promises'
import type { WebSocket } from 'ws'
import { badRequest, forbidden } from '#base/failure.ts'
import { newSecret } from '#base/id.ts'
import type { ExecProcess } from '#lxc/runtime.ts'
import { decode } from '#schema/decode.ts'
import { InstanceExecControl } from '#schema/instance.ts'

/** A websocket of a session: `0`, `1`, `2` carry the streams, `control` carries signals and window sizes. */
type Channel = '0' | '1' | '2' | 'control'

export interface ExecSessionOptions {
  /** Whether the streams are those of a terminal, and not three of their own. */
  readonly terminal: boolean
  /** Starts what the session is with. */
  readonly start: () => Promise<ExecProcess>
  /** Whether a client that closes the control channel leaves. */
  readonly endsWithControl?: boolean
  /** Milliseconds a client has to connect. */
  readonly connectWithin?: number
}

const sighup = 1
/** Bytes of input that wait for the command to start; what is more waits with the client. */
const maxEarly = 256 << 10
/** Milliseconds a command whose client has gone has to end by itself. */
const hangUpGrace = 5000

/**
 * A command whose streams are websockets.
 *
 * It starts once the client has connected those of the streams. Output goes out as binary messages, and an empty text
 * message says that a stream has ended, in either direction. A client that reads slowly slows down its own command,
 * for what it hasn't taken yet is not read from the command; one that goes away has the command hung up.
 */
export class ExecSession {
  /** The secret of each websocket, for whoever started the command. */
  readonly secrets: Readonly<Partial<Record<Channel, string>>>
  readonly #options: ExecSessionOptions
  readonly #unused: Map<Channel, Buffer>
  readonly #connected = new Map<Channel, WebSocket>()
  readonly #ready = Promise.withResolvers<void>()
  /** Input that came before the command. */
  readonly #early: { readonly data: Buffer; readonly binary: boolean }[] = []
  #process: ExecProcess | undefined
  /** The size of the window, where the client tells of it before the command runs. */
  #size: { readonly width: number; readonly height: number } | undefined
  #over = false

  constructor(options: ExecSessionOptions) {
    this.#options = options
    const channels: readonly Channel[] = options.terminal ? ['0', 'control'] : ['0', '1', '2', 'control']
    const secrets = channels.map((channel) => [channel, newSecret()] as const)
    this.secrets = Object.fromEntries(secrets)
    this.#unused = new Map(secrets.map(([channel, secret]) => [channel, digest(secret)]))
  }

  /** Checks the secret of a websocket; what it returns takes the websocket. Each secret is good for one. */
  accept(secret: string): (socket: WebSocket) => void {
    const given = digest(secret)
    const channel = [...this.#unused].find(([, expected]) => timingSafeEqual(expected, given))?.[0]
    if (channel === undefined) throw forbidden('Cannot connect to the command: the secret is wrong, or was used')
    this.#unused.delete(channel)
    return (socket) => this.#connect(channel, socket)
  }

  #connect(channel: Channel, socket: WebSocket): void {
    // A short command may be over before a client that connects one websocket after the other has done with it.
    if (this.#over) return socket.close(1000)
    this.#connected.set(channel, socket)
    if (channel === '0') socket.on('message', (data: Buffer, binary) => this.#input(data, binary))
    if (channel === 'control') socket.on('message', (data: Buffer) => this.#control(data.toString()))
    socket.on('close', (code) => this.#closed(channel, code))
    // Clients of commands that need no signals may leave the control channel alone.
    if ([...this.#unused.keys()].every((one) => one === 'control')) this.#ready.resolve()
  }

  /** Runs the command to its end, and resolves to its exit code once all of its output is with the client. */
  async run(): Promise<number> {
    try {
      await this.#clientReady()
      const process = await this.#options.start()
      this.#process = process
      if (this.#size) process.resize(this.#size.width, this.#size.height)
      this.#takeInput(process)
      // What a client did that went while the command was being started was done to nobody.
      for (const [channel, { readyState, OPEN }] of this.#connected)
        if (readyState !== OPEN) this.#closed(channel, 1006)
      const terminal = process.stderr === undefined
      const outputs = [this.#sendOutput(terminal ? '0' : '1', process.stdout), this.#sendOutput('2', process.stderr)]
      const [code] = await Promise.all([process.exit, ...outputs])
      return code
    } finally {
      this.#over = true
      for (const socket of this.#connected.values()) {
        // One that is not read can not say goodbye.
        socket.resume()
        socket.close(1000)
      }
    }
  }

  async #clientReady(): Promise<void> {
    const abort = new AbortController()
    const timeout = delay(this.#options.connectWithin ?? 10_000, undefined, { signal: abort.signal }).then(() => {
      throw badRequest('Cannot run the command: the client did not connect to its websockets in time')
    })
    try {
      await Promise.race([this.#ready.promise, timeout])
    } finally {
      abort.abort()
      timeout.catch(() => {})
    }
  }

  #takeInput({ stdin }: ExecProcess): void {
    // A command may end without reading what it is given.
    stdin?.on('error', () => {})
    stdin?.on('drain', () => this.#connected.get('0')?.resume())
    for (const { data, binary } of this.#early.splice(0)) this.#input(data, binary)
    if (!stdin?.writableNeedDrain) this.#connected.get('0')?.resume()
  }

  #input(data: Buffer, binary: boolean): void {
    if (!this.#process) {
      this.#early.push({ data, binary })
      const length = this.#early.reduce((sum, message) => sum + message.data.length, 0)
      if (length > maxEarly || this.#early.length > 1000) this.#connected.get('0')?.pause()
      return
    }
    const { stdin, stderr } = this.#process
    // A terminal has no end of input but the character for it.
    if (!binary && stderr) stdin?.end()
    else if (binary && stdin?.writable && !stdin.write(data)) this.#connected.get('0')?.pause()
  }

  async #sendOutput(channel: Channel, output: Readable | undefined): Promise<void> {
    const socket = this.#connected.get(channel)
    if (!output || !socket) return
    try {
      for await (const chunk of output as AsyncIterable<Buffer>) await send(socket, chunk, true)
      await send(socket, '', false)
    } catch {
      // The client has gone; or what the command's terminal was has.
      output.destroy()
    }
  }

  #closed(channel: Channel, code: number): void {
    if (this.#over) return
    const { stdin, stderr } = this.#process ?? {}
    // 1005 is a close without a code, 1006 a connection that broke.
    const broken = code === 1006
    if (!this.#process) {
      if (channel !== 'control') this.#ready.reject(badRequest('Cannot run the command: the client has gone'))
    } else if (channel === '0' && stderr && !broken) stdin?.end()
    else if (channel !== 'control' || broken || this.#options.endsWithControl)
      this.#hangUp(this.#process).catch(() => {})
  }

  async #hangUp(process: ExecProcess): Promise<void> {
    try {
      process.signal(sighup)
      const ended = await Promise.race([process.exit.then(() => true), delay(hangUpGrace, false, { ref: false })])
      if (!ended) process.kill()
    } finally {
      // What it left in the background may hold the streams; nobody is there to read them.
      process.stdout?.destroy()
      process.stderr?.destroy()
    }
  }

  #control(text: string): void {
    try {
      if (text.length > 10_000) return
      const { command, args, signal } = decode(InstanceExecControl, JSON.parse(text))
      if (command === 'signal' && signal > 0 && signal <= 64) this.#process?.signal(signal)
      if (command === 'window-resize') this.#resize(Number(args['width']), Number(args['height']))
    } catch {
      // What can not be read is not answered: the channel has no replies.
    }
  }

  #resize(width: number, height: number): void {
    if (![width, height].every((length) => Number.isInteger(length) && length >= 0 && length <= 0xffff)) return
    this.#size = { width, height }
    this.#process?.resize(width, height)
  }
}

function digest(secret: string): Buffer {
  return createHash('sha256').update(secret).digest()
}

function send(socket: WebSocket, data: Buffer | string, binary: boolean): Promise<void> {
  const { promise, resolve, reject } = Promise.withResolvers<void>()
  socket.send(data, { binary }, (error) => (error ? reject(error) : resolve()))
  return promise
}
