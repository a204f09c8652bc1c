import { badRequest, notImplemented } from '#base/failure.ts'
import type { ArchiveEntry } from '#host/archives.ts'

/** Which part of an image an archive is: all of it, or one of the two files of a split image. */
export type ImagePart = 'unified' | 'metadata' | 'rootfs'

/** What an archive may hold, so that unpacking it can fill neither memory nor disk nor the time of all users. */
export interface LayoutLimits {
  /** Bytes of all files together. */
  readonly bytes: number
  readonly entries: number
  /** Directories above a file. */
  readonly depth: number
  /** Bytes of `metadata.yaml`, and of each template. */
  readonly metadata: number
  /** Characters of the names of all symbolic links and templates, which are kept in memory while looking. */
  readonly names: number
}

export const defaultLimits: LayoutLimits = {
  bytes: 2 ** 38,
  entries: 5_000_000,
  depth: 128,
  metadata: 128 << 10,
  names: 32 << 20,
}

/** No path that Linux takes is longer, even with each of its bytes escaped. */
const maxName = 4 * 4096

/** The patterns of what is left out when a part is unpacked: device nodes, which no container takes from its image. */
export function excludedFrom(part: ImagePart): readonly string[] {
  if (part === 'metadata') return []
  const dev = part === 'unified' ? 'rootfs/dev/*' : 'dev/*'
  return [dev, `./${dev}`]
}

/**
 * Judges the entries of an image's archive before a byte of it is unpacked. An image is a regular file
 * `metadata.yaml`, a directory `rootfs`, and a directory `templates` of regular files; nothing else stands beside
 * them, no entry comes in twice there or leads out of its own directory, and no link of `rootfs` makes a file appear
 * inside and outside of it.
 */
export class Layout {
  readonly #part: ImagePart
  readonly #limits: LayoutLimits
  readonly #top = new Set<string>()
  readonly #symlinks = new Set<string>()
  #bytes = 0
  #entries = 0
  #names = 0
  /** The name of `metadata.yaml` as the archive has it, once it was seen. */
  metadata: string | undefined

  constructor(part: ImagePart, limits: LayoutLimits = defaultLimits) {
    this.#part = part
    this.#limits = limits
  }

  /** Throws a bad-request Failure that names what may not be. */
  add(entry: ArchiveEntry): void {
    this.#count(entry)
    const path = this.#locate(entry.name)
    const [top = '', ...below] = path
    if (this.#part === 'rootfs') {
      if (below.length > 0) this.#addToRootfs(entry, path)
      else if (entry.type !== 'directory') throw refuse(entry, 'the root is not a directory')
      return
    }
    if (top === '' && entry.type === 'directory') return
    if (below.length === 0) this.#addTop(entry, top)
    else if (top === 'rootfs' && this.#part === 'unified') this.#addToRootfs(entry, path)
    else if (top === 'templates') this.#addTemplate(entry, below)
    else throw refuse(entry, this.#expected())
  }

  /** To be called after the last entry. Throws a bad-request Failure where something is missing. */
  finish(): void {
    if (this.#entries === 0) throw badRequest('Invalid image: the archive is empty')
    if (this.#part === 'rootfs') return
    if (this.metadata === undefined) throw badRequest('Invalid image: metadata.yaml is missing')
    if (this.#part === 'unified' && !this.#top.has('rootfs')) {
      throw badRequest('Invalid image: the directory rootfs is missing')
    }
  }

  #count(entry: ArchiveEntry): void {
    this.#entries++
    this.#bytes += entry.size
    if (this.#entries > this.#limits.entries) {
      throw badRequest(`Invalid image: it has more than ${this.#limits.entries} entries`)
    }
    if (this.#bytes > this.#limits.bytes) {
      throw badRequest(`Invalid image: it unpacks to more than ${this.#limits.bytes} bytes`)
    }
  }

  /** Where an entry goes, from the top of the image on. */
  #locate(name: string): string[] {
    const own = pathOf(name)
    if (own.length > this.#limits.depth) throw badRequest(`Invalid image: ${quote(name)} is too deep`)
    return this.#part === 'rootfs' ? ['rootfs', ...own] : own
  }

  #addTop(entry: ArchiveEntry, top: string): void {
    if (this.#top.has(top)) throw refuse(entry, 'it comes twice')
    this.#top.add(top)
    if (top === 'rootfs.img') throw notImplemented('Cannot import the image: virtual machines are not supported')
    if (top === 'metadata.yaml') {
      if (entry.type !== 'file') throw refuse(entry, 'it must be a regular file')
      if (entry.size > this.#limits.metadata) throw refuse(entry, `it is larger than ${this.#limits.metadata} bytes`)
      this.metadata = entry.name
    } else if (top === 'templates' || (top === 'rootfs' && this.#part === 'unified')) {
      if (entry.type !== 'directory') throw refuse(entry, 'it must be a directory')
    } else {
      throw refuse(entry, this.#expected())
    }
  }

  #addTemplate(entry: ArchiveEntry, below: readonly string[]): void {
    const [name = '', ...deeper] = below
    if (deeper.length > 0) throw refuse(entry, 'templates are files, without directories')
    if (entry.type !== 'file') throw refuse(entry, 'it must be a regular file')
    if (name.includes('\\')) throw refuse(entry, 'its name has control characters, quotes or backslashes')
    if (entry.size > this.#limits.metadata) throw refuse(entry, `it is larger than ${this.#limits.metadata} bytes`)
    const key = `templates/${name}`
    if (this.#top.has(key)) throw refuse(entry, 'it comes twice')
    this.#remember(this.#top, key)
  }

  #addToRootfs(entry: ArchiveEntry, path: readonly string[]): void {
    this.#checkParents(entry, path)
    if (entry.type === 'symlink') this.#remember(this.#symlinks, path.join('/'))
    // Nothing below /dev is unpacked: the runtime gives each container a /dev of its own.
    if (path[1] === 'dev' && path.length > 2) return
    switch (entry.type) {
      case 'hardlink':
        this.#checkHardLink(entry)
        return
      case 'block':
      case 'character':
        throw refuse(entry, 'a device node may be in /dev only')
      case 'other':
        throw refuse(entry, 'it is of an unknown kind')
      case 'file':
      case 'directory':
      case 'symlink':
      case 'fifo':
      case 'socket':
        return
    }
  }

  #checkHardLink(entry: ArchiveEntry): void {
    const target = this.#locate(entry.target ?? '')
    if (target[0] !== 'rootfs' || target.length < 2) throw refuse(entry, 'it is a hard link to outside of rootfs')
    if (target[1] === 'dev') throw refuse(entry, 'it is a hard link to a file in /dev')
    this.#checkParents(entry, target)
  }

  /** A path below a symbolic link would be written wherever that leads. */
  #checkParents(entry: ArchiveEntry, path: readonly string[]): void {
    if (this.#symlinks.size === 0) return
    let parent = path[0] ?? ''
    for (const part of path.slice(1, -1)) {
      parent += `/${part}`
      if (this.#symlinks.has(parent)) throw refuse(entry, 'it is below a symbolic link')
    }
  }

  #remember(names: Set<string>, name: string): void {
    this.#names += name.length
    if (this.#names > this.#limits.names) throw badRequest('Invalid image: it has too many symbolic links or templates')
    names.add(name)
  }

  #expected(): string {
    const rootfs = this.#part === 'unified' ? ', rootfs' : ''
    return `expected nothing but metadata.yaml${rootfs} and templates`
  }
}

/** The parts of a name; none for the root itself. A leading `./` is what `tar -C directory .` writes. */
function pathOf(name: string): string[] {
  if (name.length > maxName) throw badRequest(`Invalid image: the name ${quote(name)} is too long`)
  const trimmed = name.replace(/^\.(?:\/|$)/, '').replace(/\/$/, '')
  if (trimmed === '') {
    if (name.startsWith('/')) throw badRequest(`Invalid image: the name ${quote(name)} is absolute`)
    return []
  }
  const parts = trimmed.split('/')
  if (parts[0] === '') throw badRequest(`Invalid image: the name ${quote(name)} is absolute`)
  if (parts.some((part) => part === '' || part === '.' || part === '..')) {
    throw badRequest(`Invalid image: the name ${quote(name)} has an empty part, "." or ".." in it`)
  }
  return parts
}

function refuse(entry: ArchiveEntry, why: string): Error {
  return badRequest(`Invalid image: ${quote(entry.name)}: ${why}`)
}

function quote(name: string): string {
  return `"${name.slice(0, 200)}"`
}
