import { mkdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs'
import { mkdir, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { hostRoot } from '#base/idmap.ts'
import type { IdMap } from '#base/idmap.ts'
import type { Mounts } from './mounts.ts'
import { capabilities, withCredentials } from './syscalls.ts'

/** Any map that is not the host's own tells what the kernel can do. */
const map: IdMap = [{ kind: 'both', inside: 0, host: 100_000, count: 65_536 }]

/**
 * Does with an overlay in the empty directory `directory` what a container does: reads what is below, writes, renames
 * and removes. Throws what the kernel says where it can not. Leaves files behind, but no mount.
 */
export async function tryOverlay(mounts: Mounts, directory: string): Promise<void> {
  for (const name of ['lower/folder', 'layers/upper', 'layers/work', 'merged']) {
    await mkdir(join(directory, name), { recursive: true })
  }
  await writeFile(join(directory, 'lower/folder/file'), 'below')
  const merged = join(directory, 'merged')
  await mounts.overlay(
    { lower: join(directory, 'lower'), layers: join(directory, 'layers'), map, name: 'trial' },
    merged,
  )
  try {
    const root = { uid: hostRoot(map, 'uid'), gid: hostRoot(map, 'gid') }
    // The way here is closed to the guest, as it is to every user.
    withCredentials(root, [capabilities.dacOverride], () => useAsGuest(merged))
  } finally {
    await mounts.unmount(merged)
  }
}

function useAsGuest(merged: string): void {
  const file = join(merged, 'folder/file')
  if (readFileSync(file, 'utf8') !== 'below') throw new Error('The overlay does not show what is below it')
  writeFileSync(file, 'above')
  renameSync(join(merged, 'folder'), join(merged, 'renamed'))
  mkdirSync(join(merged, 'folder'))
  rmSync(join(merged, 'renamed/file'))
}
