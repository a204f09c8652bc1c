import { path, type Connection, type Query } from './connection.ts'
import type { Body } from './http.ts'
import { perform, waitOperation, type Operation, type WaitOptions } from './operations.ts'

/** What a caller may change of an image. */
export interface ImagePut {
  readonly auto_update: boolean
  readonly properties: Readonly<Record<string, string>>
  readonly public: boolean
  readonly expires_at: string
  readonly profiles: readonly string[] | null
}

/** An image. Times are RFC 3339, `size` is in bytes. */
export interface Image extends ImagePut {
  readonly aliases: readonly { readonly name: string; readonly description: string }[] | null
  readonly architecture: string
  readonly cached: boolean
  readonly filename: string
  readonly fingerprint: string
  readonly size: number
  readonly type: string
  readonly created_at: string
  readonly last_used_at: string
  readonly uploaded_at: string
  readonly update_source?: {
    readonly server: string
    readonly protocol: string
    readonly alias: string
  } | null
}

/** A name of an image. */
export interface ImageAlias {
  readonly name: string
  readonly description: string
  /** A fingerprint. */
  readonly target: string
  readonly type: string
}

export async function listImages(connection: Connection): Promise<Image[]> {
  return (await connection.get<Image[] | null>('/1.0/images', { query: { recursion: 1 } })) ?? []
}

/** An image by its fingerprint, or the beginning of one that fits no other. */
export async function getImage(
  connection: Connection,
  fingerprint: string,
): Promise<{ readonly image: Image; readonly etag: string | undefined }> {
  const reply = await connection.request<Image>('GET', path`/1.0/images/${fingerprint}`)
  return { image: reply.metadata, etag: reply.etag }
}

/** Stores what `body` brings, a file or a multipart of two, and gives the image's fingerprint. */
export async function uploadImage(
  connection: Connection,
  body: Body,
  headers: Readonly<Record<string, string>>,
  options: WaitOptions = {},
): Promise<string> {
  const reply = await connection.send<Operation>('POST', '/1.0/images', body, { headers })
  const ended = await waitOperation(connection, reply.metadata, options)
  return String(ended.metadata?.['fingerprint'])
}

/** Replaces what may be changed of an image; refused when it has changed since `etag`. */
export async function updateImage(
  connection: Connection,
  fingerprint: string,
  put: ImagePut,
  etag?: string,
): Promise<void> {
  const { auto_update, properties, public: isPublic, expires_at, profiles } = put
  const body = { auto_update, properties, public: isPublic, expires_at, profiles }
  await connection.request('PUT', path`/1.0/images/${fingerprint}`, body, { etag })
}

export async function deleteImage(connection: Connection, fingerprint: string): Promise<void> {
  await perform(connection, { method: 'DELETE', path: path`/1.0/images/${fingerprint}` })
}

export async function listImageAliases(connection: Connection): Promise<ImageAlias[]> {
  const query: Query = { recursion: 1 }
  return (await connection.get<ImageAlias[] | null>('/1.0/images/aliases', { query })) ?? []
}

export async function getImageAlias(connection: Connection, name: string): Promise<ImageAlias> {
  return await connection.get<ImageAlias>(path`/1.0/images/aliases/${name}`)
}

export async function createImageAlias(connection: Connection, name: string, target: string): Promise<void> {
  await connection.request('POST', '/1.0/images/aliases', { description: '', target, name, type: '' })
}

export async function renameImageAlias(connection: Connection, name: string, to: string): Promise<void> {
  await connection.request('POST', path`/1.0/images/aliases/${name}`, { name: to })
}

export async function deleteImageAlias(connection: Connection, name: string): Promise<void> {
  await connection.request('DELETE', path`/1.0/images/aliases/${name}`)
}

/** What another server sends with an image that is announced to it. */
export interface ExpectedImage {
  readonly fingerprint: string
  readonly public: boolean
  readonly properties: Readonly<Record<string, string>>
  readonly expires_at: string
}

/** Announces an image that another server will send. The operation stands for the secret in its metadata. */
export async function expectImage(connection: Connection, { fingerprint, ...put }: ExpectedImage): Promise<Operation> {
  const body = { ...put, source: { mode: 'push', fingerprint } }
  return (await connection.request<Operation>('POST', '/1.0/images', body)).metadata
}

/** Where an image is to be sent. */
export interface ImageTarget {
  /** The URL of the server. */
  readonly target: string
  /** PEM of its certificate. */
  readonly certificate: string
  /** What it takes the image for. */
  readonly secret: string
  readonly project: string
}

/** Starts to send an image to a server that expects it. */
export async function sendImage(connection: Connection, fingerprint: string, to: ImageTarget): Promise<Operation> {
  return (await connection.request<Operation>('POST', path`/1.0/images/${fingerprint}/export`, to)).metadata
}

/** Starts to fetch an image from another server, which `source` describes. */
export async function fetchImage(
  connection: Connection,
  post: { readonly public: boolean; readonly auto_update: boolean; readonly source: object },
): Promise<Operation> {
  return (await connection.request<Operation>('POST', '/1.0/images', post)).metadata
}

/** Looks for a newer image where one came from. Gives whether there was one, which is in its place then. */
export async function refreshImage(
  connection: Connection,
  fingerprint: string,
  options: WaitOptions = {},
): Promise<boolean> {
  const metadata = await perform(
    connection,
    { method: 'POST', path: path`/1.0/images/${fingerprint}/refresh` },
    options,
  )
  return metadata?.['refreshed'] === true
}
