import type { Readable } from 'node:stream'
import type { Reach } from '../address-policy.ts'
import type { Outbound, RemoteServer } from '../outbound.ts'

/** An image on another server, as a client names it. */
export interface RemoteImageQuery {
  readonly server: RemoteServer
  /** An alias, a fingerprint or the beginning of one; for `direct` a path and query. */
  readonly name: string
  /** What the other server gives out a private image for; empty for a public one. */
  readonly secret: string
  /** The project on the other server; empty for its default one. */
  readonly project: string
  /** `container`, or empty for any type that can be used here. */
  readonly imageType: string
}

/** With whom to talk, and on whose behalf. */
export interface RemoteAccess {
  readonly outbound: Outbound
  readonly reach: Reach
  readonly signal?: AbortSignal | undefined
}

/** What another server says of an image: none of it is known to be true. */
export interface RemoteImage {
  readonly fingerprint: string
  /** Bytes of its files: it may not be more than that. */
  readonly size: number
  readonly filename: string
  /** The URL of its files, where that is not told by its fingerprint. */
  readonly location?: string
  /** The alias it was found by; undefined where that was its fingerprint. */
  readonly alias: string | undefined
  /** Undefined for those in the image itself. */
  readonly properties: Readonly<Record<string, string>> | undefined
  readonly expiresAt: string | undefined
}

/** A kind of server that images can be fetched from. */
export interface ImageSource {
  /** As the API calls it. */
  readonly protocol: string
  /** What the server has under a name. */
  find(query: RemoteImageQuery, access: RemoteAccess): Promise<RemoteImage>
  /** The bytes of the image: as one file, or as a form where the content type says so. */
  open(
    query: RemoteImageQuery,
    image: RemoteImage,
    access: RemoteAccess,
  ): Promise<{ readonly stream: Readable; readonly contentType: string }>
}
