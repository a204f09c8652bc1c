import { chmod, chown, mkdir, rm, rmdir } from 'node:fs/promises'
import { join } from 'node:path'
import { hostRoot } from '#base/idmap.ts'
import { keyType } from '#config/key.ts'
import type { LxcItem } from '#lxc/runtime.ts'
import type { DeviceContext } from './device.ts'

/** A path inside the instance, from its root on. */
export const pathInside = keyType('path', (text) => {
  if (text.length > 1024 || /\p{Cc}/u.test(text) || text.split('/').includes('..')) {
    throw new Error(`Invalid path "${text}": expected a path without ".." and control characters`)
  }
  return `/${text
    .split('/')
    .filter((name) => name !== '' && name !== '.')
    .join('/')}`
})

/** Where the devices of an instance keep, on the host, what they show the instance: `LXD_DIR/devices/INSTANCE`. */
export function folderOf(devicesDirectory: string, { owner }: Pick<DeviceContext, 'owner'>): string {
  return join(devicesDirectory, owner.runtimeName)
}

/** Makes that directory: only the container's root can go through, and nobody can list it. */
export async function makeFolder(devicesDirectory: string, context: DeviceContext): Promise<string> {
  const folder = folderOf(devicesDirectory, context)
  await mkdir(folder, { recursive: true, mode: 0o700 })
  await chown(folder, hostRoot(context.idmap, 'uid'), 0)
  await chmod(folder, 0o100)
  return folder
}

/** Removes a file or an empty directory of that directory, and the directory once nothing is left in it. */
export async function forgetPlace(place: string): Promise<void> {
  await rmdir(place).catch(async (error: NodeJS.ErrnoException) => {
    if (error.code === 'ENOTDIR') await rm(place)
    else if (error.code !== 'ENOENT') throw error
  })
  // Other devices may still have something there.
  await rmdir(join(place, '..')).catch(() => {})
}

/** A line of lxc.mount.entry, which is one of fstab(5): its fields end at spaces, written `\\040` inside them. */
export function mountEntry(source: string, path: string, options: readonly string[]): LxcItem {
  const field = (text: string) => text.replaceAll('\\', String.raw`\134`).replaceAll(' ', String.raw`\040`)
  return ['lxc.mount.entry', `${field(source)} ${field(path.slice(1))} none ${options.join(',')} 0 0`]
}
