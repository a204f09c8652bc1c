import { path, type Connection } from './connection.ts'

/** A name of an image. */
export interface ImageAlias {
  readonly name: string
  readonly description: string
  /** A fingerprint. */
  readonly target: string
  readonly type: string
}

/** An image. Times are RFC 3339, `size` is in bytes. */
export interface Image {
  readonly fingerprint: string
  readonly type: string
}

export async function getImage(connection: Connection, fingerprint: string): Promise<Image> {
  return await connection.get<Image>(path`/1.0/images/${fingerprint}`)
}

export async function getImageAlias(connection: Connection, name: string): Promise<ImageAlias> {
  return await connection.get<ImageAlias>(path`/1.0/images/aliases/${name}`)
}
