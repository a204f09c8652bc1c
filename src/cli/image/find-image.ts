import { kindOf } from '#base/failure.ts'
import type { Connection } from '#client/connection.ts'
import { getImage, getImageAlias, type Image } from '#client/images.ts'

/** An image by an alias, its fingerprint, or the beginning of one. */
export async function findImage(
  connection: Connection,
  name: string,
): Promise<{ readonly image: Image; readonly etag: string | undefined }> {
  return await getImage(connection, await targetOf(connection, name))
}

/** The fingerprint behind an alias; what is no alias as it is. */
export async function targetOf(connection: Connection, name: string): Promise<string> {
  try {
    return (await getImageAlias(connection, name)).target
  } catch (error) {
    if (kindOf(error) !== 'not-found') throw error
    return name
  }
}
