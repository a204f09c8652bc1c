import { readdir, readFile, readlink, realpath } from 'node:fs/promises'
import { basename, join } from 'node:path'

/**
 * Files that the kernel makes up, below one root: `/` in earnest, a folder in tests. What isn't there, or can't be
 * read (many files of /sys answer with an error where they have no value), is undefined or empty.
 */
export class Sysfs {
  readonly #root: string

  constructor(root = '/') {
    this.#root = root
  }

  /** The content without the line break at its end. */
  async text(path: string): Promise<string | undefined> {
    try {
      return (await readFile(join(this.#root, path), 'utf8')).trim()
    } catch {
      return undefined
    }
  }

  async bytes(path: string): Promise<Buffer | undefined> {
    try {
      return await readFile(join(this.#root, path))
    } catch {
      return undefined
    }
  }

  /** A whole number in decimal, or in hex after `0x`. */
  async number(path: string): Promise<number | undefined> {
    const text = await this.text(path)
    const value = text === undefined || text === '' ? Number.NaN : Number(text)
    return Number.isSafeInteger(value) ? value : undefined
  }

  /** The names in a directory, in the order people count: `cpu2` before `cpu10`. */
  async list(path: string): Promise<string[]> {
    try {
      const names = await readdir(join(this.#root, path))
      return names.toSorted((a, b) => a.localeCompare(b, 'en', { numeric: true }))
    } catch {
      return []
    }
  }

  /** The last part of what a link points to: the name of a driver, of an IOMMU group. */
  async linkName(path: string): Promise<string | undefined> {
    try {
      return basename(await readlink(join(this.#root, path)))
    } catch {
      return undefined
    }
  }

  /** The path a link leads to in the end, below the root. */
  async resolve(path: string): Promise<string | undefined> {
    try {
      const [root, found] = await Promise.all([realpath(this.#root), realpath(join(this.#root, path))])
      return root === '/' ? found : found.slice(root.length)
    } catch {
      return undefined
    }
  }
}
