import { kindOf } from '#base/failure.ts'
import type { Connection } from '#client/connection.ts'
import { createImageAlias, deleteImageAlias } from '#client/images.ts'

/** Makes an alias point to an image, wherever it has pointed before. */
export async function setAlias(connection: Connection, alias: string, fingerprint: string): Promise<void> {
  try {
    await deleteImageAlias(connection, alias)
  } catch (error) {
    if (kindOf(error) !== 'not-found') throw error
  }
  await createImageAlias(connection, alias, fingerprint)
}
