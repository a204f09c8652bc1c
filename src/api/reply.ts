import type { Readable } from 'node:stream'
import type { Operation } from '#operations/operation.ts'

/** What a handler answers; the router makes LXD's envelope of it. */
export type Reply =
  | {
      readonly kind: 'sync'
      readonly metadata: unknown
      /** What the ETag is computed from; none where undefined. */
      readonly etag?: unknown
      /** 201 with a `Location` where something was made. */
      readonly created?: string
      readonly headers?: Readonly<Record<string, string>>
    }
  | { readonly kind: 'operation'; readonly operation: Operation }
  /** Bytes as they are: files, logs, exported images. */
  | {
      readonly kind: 'raw'
      readonly body: Readable | Uint8Array | string
      readonly headers: Readonly<Record<string, string>>
    }

/** A plain answer. With `etag` given, the reply carries an ETag computed from it. */
export function sync(metadata: unknown, etag?: unknown): Reply {
  return { kind: 'sync', metadata, ...(etag === undefined ? {} : { etag }) }
}

/** The answer to a change that has nothing to tell: `metadata: {}`. */
export function done(): Reply {
  return { kind: 'sync', metadata: {} }
}

/** Something was made, and is found at `url`: `metadata: null`. */
export function created(url: string): Reply {
  return { kind: 'sync', metadata: null, created: url }
}

/** The work goes on in the background. */
export function operation(started: Operation): Reply {
  return { kind: 'operation', operation: started }
}

export function raw(body: Readable | Uint8Array | string, headers: Readonly<Record<string, string>> = {}): Reply {
  return { kind: 'raw', body, headers }
}
