import { createServer, request, Agent } from 'node:http'
import type { IncomingHttpHeaders, IncomingMessage, Server } from 'node:http'
import { once } from 'node:events'
import { join } from 'node:path'
import { text } from 'node:stream/consumers'
import { WebSocket } from 'ws'
import { makeRouter } from '#api/router.ts'
import type { RouterOptions } from '#api/router.ts'
import { makeUpgrader } from '#api/upgrades.ts'
import { fakeIdentity } from '#auth/fake-identity.ts'
import { stranger } from '#auth/identity.ts'
import type { Grant, Identity } from '#auth/identity.ts'
import type { Log } from '#base/log.ts'
import type { TestDaemon } from './daemon.ts'

/** What came back, as it came. */
export interface RawAnswer {
  readonly status: number
  readonly headers: IncomingHttpHeaders
  readonly text: string
}

export interface RawRequest {
  readonly method: string
  readonly url: string
  readonly headers?: Readonly<Record<string, string>>
  readonly body?: string | Uint8Array
}

/** Every kind of client there is, by the name its column has in the table of access. */
export const callers = {
  /** A client without a certificate, or with one that nobody trusts. */
  anonymous: stranger('192.0.2.1:1'),
  metrics: { ...caller('a certificate for metrics', { role: 'metrics' }), trusted: false },
  unnamed: caller('a known client without grants'),
  restricted: caller('a certificate restricted to p1', { role: 'project_manager', project: 'p1' }),
  'p1 viewer': caller('a viewer of p1', { role: 'viewer', project: 'p1' }),
  'p1 operator': caller('an operator of p1', { role: 'operator', project: 'p1' }),
  'p1 manager': caller('a manager of p1', { role: 'project_manager', project: 'p1' }),
  'p1 admin': caller('an admin of p1', { role: 'admin', project: 'p1' }),
  viewer: caller('a viewer of the server', { role: 'viewer' }),
  operator: caller('an operator of the server', { role: 'operator' }),
  manager: caller('a manager of all projects', { role: 'project_manager' }),
  admin: caller('an admin', { role: 'admin' }),
} satisfies Readonly<Record<string, Identity>>

export type Caller = keyof typeof callers

export const callerNames = Object.keys(callers) as readonly Caller[]

function caller(id: string, ...grants: readonly Grant[]): Identity {
  return fakeIdentity(grants, id)
}

/** The API of a TestDaemon behind a socket of its own, where each request says as whom it is sent. */
export class Impersonation implements AsyncDisposable {
  readonly socketPath: string
  readonly #server: Server
  readonly #agent = new Agent({ keepAlive: true, maxSockets: 16 })

  private constructor(server: Server, socketPath: string) {
    this.#server = server
    this.socketPath = socketPath
  }

  static async start({ daemon, directory }: TestDaemon, log: Log): Promise<Impersonation> {
    const identify = async ({ headers }: IncomingMessage) => callers[headers['x-as'] as Caller]
    const options: RouterOptions = { ...daemon.api.options, log, identify }
    const app = makeRouter(options)
    await app.ready()
    const server = createServer((incoming, response) => app.routing(incoming, response))
    server.on('upgrade', makeUpgrader(options))
    const socketPath = join(directory, 'impersonation.socket')
    server.listen(socketPath)
    await once(server, 'listening')
    return new Impersonation(server, socketPath)
  }

  async call(as: Caller, { method, url, headers = {}, body = '' }: RawRequest): Promise<RawAnswer> {
    const { promise, resolve, reject } = Promise.withResolvers<RawAnswer>()
    const { socketPath } = this
    // Node leaves the length of a DELETE's body out by itself.
    const all = { 'content-length': Buffer.byteLength(body), ...headers, 'x-as': as }
    const options = { socketPath, agent: this.#agent, method, path: url, headers: all }
    const sent = request(options, (response) => {
      const { statusCode: status = 0, headers: received } = response
      text(response).then((read) => resolve({ status, headers: received, text: read }), reject)
    })
    sent.on('error', reject)
    sent.end(body)
    return await promise
  }

  /** Asks for a websocket: status 101 and no text where it is let in. */
  async knock(as: Caller, url: string): Promise<RawAnswer> {
    const socket = this.connect(as, url)
    const { promise, resolve, reject } = Promise.withResolvers<RawAnswer>()
    socket.on('open', () => resolve({ status: 101, headers: {}, text: '' }))
    socket.on('unexpected-response', (_request, response) => {
      const { statusCode: status = 0, headers } = response
      text(response).then((read) => resolve({ status, headers, text: read }), reject)
    })
    socket.on('error', reject)
    try {
      return await promise
    } finally {
      socket.on('error', () => {})
      socket.terminate()
    }
  }

  connect(as: Caller, url: string): WebSocket {
    return new WebSocket(`ws+unix:${this.socketPath}:${url}`, { headers: { 'x-as': as } })
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#agent.destroy()
    this.#server.closeAllConnections()
    this.#server.close()
    await once(this.#server, 'close')
  }
}
