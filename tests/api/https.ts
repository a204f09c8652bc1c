import { once } from 'node:events'
import { Agent, request } from 'node:https'
import type { IncomingHttpHeaders, IncomingMessage } from 'node:http'
import { createServer } from 'node:net'
import type { AddressInfo } from 'node:net'
import { json } from 'node:stream/consumers'
import type { ConnectionOptions } from 'node:tls'
import { makeCertificate } from '#base/certificate.ts'
import type { CertificatePair } from '#base/certificate.ts'
import type { Json } from './call.ts'

/** A port of loopback at which nobody listens. */
export async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1')
  await once(server, 'listening')
  const { port } = server.address() as AddressInfo
  server.close()
  await once(server, 'close')
  return port
}

/** A certificate as clients make it for themselves. */
export function clientCertificate(commonName = 'tester'): CertificatePair {
  return makeCertificate({
    organization: 'test',
    commonName,
    hosts: [],
    usage: 'client',
    validFrom: new Date(Date.now() - 60_000),
    years: 1,
  })
}

export interface HttpsCall {
  readonly port: number
  readonly host?: string
  readonly method?: string
  readonly path?: string
  readonly headers?: Readonly<Record<string, string>>
  readonly body?: string
  readonly tls?: ConnectionOptions
  readonly agent?: Agent
}

/** Sends a request over TLS and gives what was answered. Any server certificate will do. */
export async function callHttps(
  call: HttpsCall,
): Promise<{ status: number; headers: IncomingHttpHeaders; body: Json }> {
  const { port, host = '127.0.0.1', method = 'GET', path = '/1.0', headers = {}, body, tls = {}, agent = false } = call
  const sent = request({ host, port, method, path, headers, rejectUnauthorized: false, ...tls, agent })
  sent.end(body)
  const [response] = (await once(sent, 'response')) as [IncomingMessage]
  const isJson = response.headers['content-type'] === 'application/json' && method !== 'HEAD'
  const received = isJson ? ((await json(response)) as Json) : Buffer.concat(await response.toArray()).toString()
  return { status: response.statusCode ?? 0, headers: response.headers, body: received }
}
