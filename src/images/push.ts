import type { IncomingMessage } from 'node:http'
import { badRequest, unavailable } from '#base/failure.ts'
import { decode } from '#schema/decode.ts'
import { Operation } from '#schema/operation.ts'
import type { ImageRecord } from '#store/image-record.ts'
import { exportImage } from './export.ts'
import type { ImagePaths } from './image-files.ts'
import { hostAndPort, parseServer } from './outbound.ts'
import type { Outbound, OutboundRequest, RemoteServer } from './outbound.ts'
import { readAnswer } from './remote-answer.ts'

/** Where an image is to be sent, as a client says it. */
export interface PushTarget {
  /** The URL of the server. */
  readonly server: string
  readonly certificate: string
  /** What the server has given out for this image. */
  readonly secret: string
  /** The project on the server; empty for its default one. */
  readonly project: string
}

type Asking = Pick<OutboundRequest, 'reach' | 'signal'> & { readonly outbound: Outbound }

/** Seconds of one wait for the other server to take in what it was sent, and how often. */
const waitSeconds = 20
const maxWaits = 90

/** Reads a target. Throws a bad-request Failure that names what is wrong with it. */
export function readTarget(target: PushTarget): RemoteServer {
  // They become headers and a query.
  if (!/^[\w-]{1,256}$/.test(target.secret)) {
    throw badRequest('Invalid "secret": expected what the other server has given out for the image')
  }
  if (target.project.length > 255) throw badRequest('Invalid "project": it is longer than 255 characters')
  return parseServer({ url: target.server, certificate: target.certificate }, 'target')
}

/** Sends an image to another server that expects it, and waits until that has it. */
export async function pushImage(
  image: ImageRecord,
  paths: ImagePaths,
  target: PushTarget,
  asking: Asking,
): Promise<void> {
  const server = readTarget(target)
  const { outbound, reach, signal } = asking
  const { body, headers } = await exportImage(image, paths)
  const query = target.project === '' ? '' : `?project=${encodeURIComponent(target.project)}`
  const reply = await outbound.request(server, {
    method: 'POST',
    path: `/1.0/images${query}`,
    headers: {
      ...(headers['content-length'] === undefined ? {} : { 'content-length': headers['content-length'] }),
      'content-type': headers['content-type'] ?? 'application/octet-stream',
      'x-lxd-fingerprint': image.fingerprint,
      'x-lxd-secret': target.secret,
    },
    body,
    reach,
    signal,
  })
  const operation = await readOperation(reply, server)
  await waitFor(server, operation, asking)
}

interface RemoteOperation {
  readonly id: string
  readonly secret: string
  readonly code: number
  readonly error: string
}

async function readOperation(reply: IncomingMessage, server: RemoteServer): Promise<RemoteOperation> {
  const found = await readAnswer(reply, (json) => decode(Operation, json))
  if (!found) throw unavailable(`The server "${hostAndPort(server)}" does not take the image`)
  const secret = found.metadata?.['secret']
  return { id: found.id, secret: typeof secret === 'string' ? secret : '', code: found.status_code, error: found.err }
}

/** Waits in pieces, each of which gets an answer before the connection counts as dead. */
async function waitFor(server: RemoteServer, { id, secret }: RemoteOperation, asking: Asking): Promise<void> {
  const { outbound, reach, signal } = asking
  if (!/^[0-9a-f-]{36}$/.test(id)) throw unavailable(`The server "${hostAndPort(server)}" sent no operation`)
  const query = new URLSearchParams({ secret, timeout: String(waitSeconds) })
  for (let waits = 0; waits < maxWaits; waits++) {
    const reply = await outbound.request(server, {
      method: 'GET',
      path: `/1.0/operations/${id}/wait?${query.toString()}`,
      reach,
      signal,
    })
    const { code, error } = await readOperation(reply, server)
    if (code === 200) return
    if (code > 200) throw unavailable(`The server "${hostAndPort(server)}" did not take the image: ${error}`)
  }
  throw unavailable(`The server "${hostAndPort(server)}" takes too long to take the image in`)
}
