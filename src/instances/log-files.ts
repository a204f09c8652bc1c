import { rename, rm } from 'node:fs/promises'
import { join } from 'node:path'

/**
 * Gives the folder of an instance's log files another name, or removes it where `to` is undefined. Both names are
 * runtime names, which hold no slash.
 */
export async function moveLogs(directory: string, name: string, to: string | undefined): Promise<void> {
  const from = join(directory, 'logs', name)
  if (to === undefined) return await rm(from, { recursive: true, force: true })
  await rm(join(directory, 'logs', to), { recursive: true, force: true })
  try {
    await rename(from, join(directory, 'logs', to))
  } catch (error) {
    // An instance that was never started has none.
    if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw error
  }
}
