import { createHash } from 'node:crypto'
import { chmod, mkdir, readdir, rm } from 'node:fs/promises'
import { createServer } from 'node:http'
import type { IncomingMessage, Server, ServerResponse } from 'node:http'
import type { Socket } from 'node:net'
import { join } from 'node:path'
import { pipeline } from 'node:stream'
import { WebSocketServer } from 'ws'
import type { WebSocket } from 'ws'
import { explain } from '#base/failure.ts'
import type { Log } from '#base/log.ts'
import { readConfig } from '#config/config.ts'
import type { ImageExport } from '#images/export.ts'
import type { Expanded } from '#instances/commit.ts'
import { devlxd } from '#instances/features/devlxd.ts'
import { runtimeName } from '#instances/instance-name.ts'
import type { GuestApi } from '#instances/lifecycle.ts'
import { guestEvents, guestEventTypes, sendGuestEvent } from './guest-events.ts'
import { answerGuest, mayFetchImages, notAuthorized, notFound } from './guest-requests.ts'
import type { GuestAnswer } from './guest-requests.ts'

export interface GuestSocketsOptions {
  /** `LXD_DIR/devlxd`. */
  readonly directory: string
  readonly log: Log
  /** The instance as it is now; undefined where it is gone. */
  readonly find: (project: string, name: string) => Expanded | undefined
  /** An image that guests of a project may have; undefined where there is none such. */
  readonly openImage: (project: string, fingerprint: string) => Promise<ImageExport | undefined>
}

interface Guest {
  readonly server: Server
  readonly sockets: Set<Socket>
  readonly listeners: Map<WebSocket, readonly string[]>
}

/** What a guest may use up: connections, and bytes of a request's head. */
const maxConnections = 32
const maxHead = 8192
const maxMessage = 1024

/**
 * The guest-facing API: a socket for each instance that runs, in a directory that only it has mounted, at `/dev/lxd`.
 * Who asks is known by the socket, and by nothing that a guest can say or be.
 */
export class GuestSockets implements GuestApi {
  readonly #options: GuestSocketsOptions
  readonly #guests = new Map<string, Guest>()

  constructor(options: GuestSocketsOptions) {
    this.#options = options
  }

  /** Listens for an instance that starts or runs; gives the directory to mount, or undefined where it is to have none. */
  async open(expanded: Expanded): Promise<string | undefined> {
    const { project, name } = expanded.record
    this.#shut(this.#guests.get(runtimeName(project, name)))
    this.#guests.delete(runtimeName(project, name))
    if (readConfig(devlxd.keys, expanded.config)['security.devlxd'] !== true) return undefined
    // That of an instance that runs already stays: it has it mounted.
    const directory = this.#directory(project, name)
    await mkdir(directory, { recursive: true })
    await chmod(directory, 0o755)
    const path = join(directory, 'sock')
    await rm(path, { force: true })

    const guest: Guest = { server: this.#serve(project, name), sockets: new Set(), listeners: new Map() }
    guest.server.on('connection', (socket) => {
      guest.sockets.add(socket)
      socket.once('close', () => guest.sockets.delete(socket))
    })
    guest.server.on('upgrade', (request, socket: Socket, head) => this.#upgrade(guest, request, { socket, head }))
    this.#guests.set(runtimeName(project, name), guest)
    const { promise, resolve, reject } = Promise.withResolvers<void>()
    guest.server.once('error', reject)
    guest.server.listen(path, resolve)
    await promise
    await chmod(path, 0o666)
    return directory
  }

  /** Stops to listen for an instance and cuts its connections. */
  async close(project: string, name: string): Promise<void> {
    const key = runtimeName(project, name)
    this.#shut(this.#guests.get(key))
    this.#guests.delete(key)
    await rm(this.#directory(project, name), { recursive: true, force: true })
  }

  /** Tells the guest of a change of its instance. */
  readonly changed = (before: Expanded, after: Expanded): void => {
    const { project, name } = after.record
    const guest = this.#guests.get(runtimeName(project, name))
    if (!guest) return
    for (const event of guestEvents(before, after)) {
      for (const [socket, types] of guest.listeners) sendGuestEvent(socket, types, event)
    }
  }

  /** Removes what no running instance has, at the start of the daemon. */
  async sweep(running: readonly { readonly project: string; readonly name: string }[]): Promise<void> {
    const kept = new Set(running.map(({ project, name }) => this.#directory(project, name)))
    for (const entry of await readdir(this.#options.directory)) {
      const path = join(this.#options.directory, entry)
      if (!kept.has(path)) await rm(path, { recursive: true, force: true })
    }
  }

  /** Lets go of all sockets; their directories stay for the next daemon. */
  closeAll(): void {
    for (const guest of this.#guests.values()) this.#shut(guest)
    this.#guests.clear()
  }

  /** Its name tells a guest, whose mounts name it, nothing. */
  #directory(project: string, name: string): string {
    const opaque = createHash('sha256').update(runtimeName(project, name)).digest('hex').slice(0, 24)
    return join(this.#options.directory, opaque)
  }

  #shut(guest: Guest | undefined): void {
    guest?.server.close()
    for (const socket of guest?.sockets ?? []) socket.destroy()
  }

  #serve(project: string, name: string): Server {
    const settings = {
      maxHeaderSize: maxHead,
      headersTimeout: 10_000,
      requestTimeout: 20_000,
      keepAliveTimeout: 10_000,
    }
    const server = createServer({ ...settings, connectionsCheckingInterval: 5000 }, (request, response) => {
      this.#answer(project, name, { request, response }).catch((error: unknown) => {
        this.#options.log.warn('Cannot answer a guest', { project, name, error: explain(error) })
        response.destroy()
      })
    })
    server.maxConnections = maxConnections
    return server
  }

  async #answer(
    project: string,
    name: string,
    { request, response }: { readonly request: IncomingMessage; readonly response: ServerResponse },
  ): Promise<void> {
    // No request has a body; what is sent as one is not waited for.
    request.resume()
    const [path = '/'] = (request.url ?? '/').split('?', 1)
    const guest = this.#options.find(project, name)
    const answer = guest && answerGuest(request.method ?? '', path, guest)
    if (answer) return send(response, answer)
    const fingerprint = /^\/1\.0\/images\/([^/]+)\/export$/.exec(path)?.[1]
    if (!guest || fingerprint === undefined || request.method !== 'GET') return send(response, notFound)
    if (!mayFetchImages(guest)) return send(response, notAuthorized)
    const image = await this.#options.openImage(project, fingerprint)
    if (!image) return send(response, notFound)
    response.writeHead(200, image.headers)
    // Either side may fail or go; both are closed then.
    pipeline(image.body, response, () => {})
  }

  #upgrade(
    guest: Guest,
    request: IncomingMessage,
    { socket, head }: { readonly socket: Socket; readonly head: Buffer },
  ) {
    socket.on('error', () => socket.destroy())
    const url = URL.parse(request.url ?? '/', 'http://lxd')
    const types = (url?.searchParams.get('type') || guestEventTypes.join(',')).split(',')
    if (url?.pathname !== '/1.0/events' || types.some((type) => !guestEventTypes.some((known) => known === type))) {
      socket.end('HTTP/1.1 400 Bad Request\r\nConnection: close\r\n\r\n')
      return
    }
    new WebSocketServer({ noServer: true, maxPayload: maxMessage }).handleUpgrade(
      request,
      socket,
      head,
      (websocket) => {
        websocket.on('error', () => websocket.terminate())
        guest.listeners.set(websocket, types)
        websocket.on('close', () => guest.listeners.delete(websocket))
      },
    )
  }
}

function send(response: ServerResponse, { status, type, body }: GuestAnswer): void {
  response.writeHead(status, { 'content-type': type, 'content-length': Buffer.byteLength(body) })
  response.end(body)
}
