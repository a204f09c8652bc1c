import { chmod, mkdir } from 'node:fs/promises'
import { join } from 'node:path'

/** The folders of LXD_DIR, as LXD lays them out, and their modes. None but root may look into guests' trees or logs. */
const modes: Readonly<Record<string, number>> = {
  '.': 0o711,
  audit: 0o700,
  containers: 0o711,
  database: 0o700,
  devices: 0o711,
  devlxd: 0o711,
  images: 0o700,
  logs: 0o700,
  networks: 0o711,
  snapshots: 0o700,
  'storage-pools': 0o711,
}

/** Makes what is missing of LXD_DIR and puts modes right. */
export async function makeDirectories(root: string): Promise<void> {
  await mkdir(root, { recursive: true })
  for (const [name, mode] of Object.entries(modes)) {
    const path = join(root, name)
    await mkdir(path, { recursive: true })
    await chmod(path, mode)
  }
}
