import { createHash, randomUUID } from 'node:crypto'
import type { BigIntStats } from 'node:fs'
import { createReadStream } from 'node:fs'
import { open, readdir, rename, rm, stat } from 'node:fs/promises'
import { join } from 'node:path'
import { pipeline } from 'node:stream/promises'
import { Failure } from '#base/failure.ts'
import type { ImageRecord } from '#store/image-record.ts'

/** The files of one image: all of it in one, or metadata and root file system in two. */
export interface ImagePaths {
  readonly metadata: string
  /** Undefined where `metadata` is the whole image. */
  readonly rootfs: string | undefined
}

type Identity = Pick<ImageRecord, 'fingerprint' | 'split'>

const uploadPrefix = 'upload-'

/**
 * The files of the images in LXD_DIR/images: `FINGERPRINT` and, of split images, `FINGERPRINT.rootfs`. One file
 * serves all projects that have the image.
 */
export class ImageFiles {
  readonly #directory: string
  /** What the files looked like when their hash was last found right, by path. */
  readonly #verified = new Map<string, string>()

  constructor(directory: string) {
    this.#directory = directory
  }

  paths({ fingerprint, split }: Identity): ImagePaths {
    const metadata = join(this.#directory, fingerprint)
    return { metadata, rootfs: split ? `${metadata}.rootfs` : undefined }
  }

  /** Where an upload can be written to. What is left there is removed at the next start. */
  newUploadPaths(): { readonly metadata: string; readonly rootfs: string } {
    const metadata = join(this.#directory, `${uploadPrefix}${randomUUID()}`)
    return { metadata, rootfs: `${metadata}.rootfs` }
  }

  /**
   * Gives files the name of their hash, which whoever wrote them has computed from the very bytes. They are on disk
   * under that name when this resolves.
   */
  async adopt(from: ImagePaths, image: Identity): Promise<void> {
    const to = this.paths(image)
    if (from.rootfs !== undefined && to.rootfs !== undefined) await rename(from.rootfs, to.rootfs)
    await rename(from.metadata, to.metadata)
    await syncDirectory(this.#directory)
    await this.#remember(to)
  }

  /** No failure if they are not there. */
  async remove(image: Identity): Promise<void> {
    const { metadata, rootfs } = this.paths(image)
    for (const path of [metadata, rootfs]) {
      if (path === undefined) continue
      this.#verified.delete(path)
      await rm(path, { force: true })
    }
  }

  /**
   * Throws a Failure where the files are not the bytes their name says. Files that have not been touched since they
   * were last found right are not read again.
   */
  async verify(image: Identity): Promise<ImagePaths> {
    const paths = this.paths(image)
    if (await this.#isKnown(paths)) return paths
    const hash = createHash('sha256')
    try {
      for (const path of present(paths)) await pipeline(createReadStream(path), hash, { end: false })
    } catch (cause) {
      throw new Failure('internal', `Cannot read image "${image.fingerprint}"`, { cause })
    }
    if (hash.digest('hex') !== image.fingerprint) {
      throw new Failure(
        'internal',
        `Cannot use image "${image.fingerprint}": its file has other bytes than were imported`,
      )
    }
    await this.#remember(paths)
    return paths
  }

  /** Removes every file that belongs to no image of `images`; gives the images whose files are missing. */
  async sweep(images: readonly Identity[]): Promise<readonly Identity[]> {
    const wanted = new Set(images.flatMap((image) => present(this.paths(image))))
    const found = new Set((await readdir(this.#directory)).map((name) => join(this.#directory, name)))
    for (const path of found) {
      if (!wanted.has(path)) await rm(path, { recursive: true, force: true })
    }
    return images.filter((image) => present(this.paths(image)).some((path) => !found.has(path)))
  }

  async #remember(paths: ImagePaths): Promise<void> {
    for (const path of present(paths)) this.#verified.set(path, await look(path))
  }

  async #isKnown(paths: ImagePaths): Promise<boolean> {
    for (const path of present(paths)) {
      const known = this.#verified.get(path)
      if (known === undefined || known !== (await look(path).catch(() => undefined))) return false
    }
    return true
  }
}

function present({ metadata, rootfs }: ImagePaths): string[] {
  return rootfs === undefined ? [metadata] : [metadata, rootfs]
}

/** What tells whether a file was touched: nobody can set the change time. */
async function look(path: string): Promise<string> {
  const { dev, ino, size, ctimeNs }: BigIntStats = await stat(path, { bigint: true })
  return [dev, ino, size, ctimeNs].join(' ')
}

async function syncDirectory(path: string): Promise<void> {
  await using directory = await open(path)
  await directory.sync()
}
