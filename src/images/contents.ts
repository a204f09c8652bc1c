import { chmod, chown, lstat, mkdir, readdir, stat } from 'node:fs/promises'
import { join } from 'node:path'
import { badRequest } from '#base/failure.ts'
import type { Work } from '#base/progress.ts'
import { Archive, recogniseArchive } from '#host/archives.ts'
import type { Run } from '#host/run.ts'
import type { ImagePaths } from './image-files.ts'
import { excludedFrom, Layout } from './layout.ts'
import type { ImagePart, LayoutLimits } from './layout.ts'
import { parseMetadata } from './metadata.ts'
import type { ImageMetadata } from './metadata.ts'

interface Options extends Work {
  readonly run: Run
  readonly limits?: LayoutLimits | undefined
}

/**
 * Reads through an image without unpacking it. Throws a bad-request Failure for one that may not be unpacked; what
 * passes may be, as long as its bytes are the same.
 */
export async function examineImage(paths: ImagePaths, options: Options): Promise<ImageMetadata> {
  const parts = await openParts(paths, options.run)
  const [text] = await Promise.all(
    parts.map(async ({ part, archive }) => {
      const layout = new Layout(part, options.limits)
      await archive.list((entry) => layout.add(entry), options)
      layout.finish()
      return layout.metadata === undefined ? '' : await archive.read(layout.metadata, options)
    }),
  )
  return parseMetadata(text ?? '')
}

/**
 * Unpacks an image that was examined into an empty directory: `metadata.yaml`, `rootfs` and, where it has some,
 * `templates`. Owners are those of the image. Where it fails, what is in the directory is to be thrown away.
 */
export async function unpackImage(paths: ImagePaths, directory: string, options: Options): Promise<void> {
  const before = await stat(directory)
  const parts = await openParts(paths, options.run)
  if (paths.rootfs !== undefined) await mkdir(join(directory, 'rootfs'), { mode: 0o755 })
  await Promise.all(
    parts.map(({ part, archive }) =>
      archive.unpack(part === 'rootfs' ? join(directory, 'rootfs') : directory, excludedFrom(part), options),
    ),
  )
  // An archive may have an entry for its top directory, with owner and mode.
  await chown(directory, before.uid, before.gid)
  await chmod(directory, before.mode & 0o7777)
  await checkUnpacked(directory)
}

async function openParts(paths: ImagePaths, run: Run): Promise<{ part: ImagePart; archive: Archive }[]> {
  const open = async (part: ImagePart, path: string) => {
    return { part, archive: new Archive({ path, kind: await recogniseArchive(path), run }) }
  }
  if (paths.rootfs === undefined) return [await open('unified', paths.metadata)]
  return await Promise.all([open('metadata', paths.metadata), open('rootfs', paths.rootfs)])
}

/** The tools were told what is allowed; this looks at what they did. */
async function checkUnpacked(directory: string): Promise<void> {
  const names = await readdir(directory)
  for (const name of new Set([...names, 'metadata.yaml', 'rootfs'])) {
    const entry = await lstat(join(directory, name)).catch(() => undefined)
    const fits = name === 'metadata.yaml' ? entry?.isFile() : entry?.isDirectory()
    if (!fits || !['metadata.yaml', 'rootfs', 'templates'].includes(name)) {
      throw badRequest(`Cannot unpack the image: "${name}" is not what it must be`)
    }
  }
}
