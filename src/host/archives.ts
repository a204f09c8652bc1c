/**
 * Archives of files, read and unpacked by the system's own tar and unsquashfs: one parser tells what is inside and
 * unpacks it, so that the two can't be made to differ.
 */
import { open, readFile } from 'node:fs/promises'
import type { FileHandle } from 'node:fs/promises'
import { StringDecoder } from 'node:string_decoder'
import { badRequest } from '#base/failure.ts'
import type { Work } from '#base/progress.ts'
import { CommandError } from './run.ts'
import type { Output, Run, RunOptions } from './run.ts'

/** How an archive is packed; the names are those of file name extensions. */
export type ArchiveKind = 'tar' | 'tar.gz' | 'tar.bz2' | 'tar.xz' | 'tar.lzma' | 'tar.zst' | 'squashfs'

/** What an archive has under a name. Names have control characters, quotes and backslashes escaped as in C. */
export interface ArchiveEntry {
  readonly type: 'file' | 'directory' | 'symlink' | 'hardlink' | 'block' | 'character' | 'fifo' | 'socket' | 'other'
  /** As the archive has it: it may be absolute, or have `..` in it. */
  readonly name: string
  /** Bytes it unpacks to. */
  readonly size: number
  /** What a hard link links to. */
  readonly target: string | undefined
}

const compressions: Readonly<Record<Exclude<ArchiveKind, 'squashfs'>, readonly string[]>> = {
  tar: [],
  'tar.gz': ['--gzip'],
  'tar.bz2': ['--bzip2'],
  'tar.xz': ['--xz'],
  'tar.lzma': ['--lzma'],
  'tar.zst': ['--zstd'],
}

const magics: readonly (readonly [kind: ArchiveKind, offset: number, bytes: string])[] = [
  ['tar.gz', 0, '\x1f\x8b'],
  ['tar.bz2', 0, 'BZh'],
  ['tar.xz', 0, '\xfd7zXZ\0'],
  ['tar.lzma', 0, '\x5d\0\0'],
  ['tar.zst', 0, '\x28\xb5\x2f\xfd'],
  ['squashfs', 0, 'hsqs'],
  ['tar', 257, 'ustar'],
]

/** The most a tool may take of memory, in bytes: several times what honest archives need. */
const maxMemory = 4 * 2 ** 30
/** The most decompressing may take: dictionaries of 64 MiB are the largest that `xz -9` makes. */
const xzOptions = '--threads=0 --memlimit-decompress=1GiB --memlimit-mt-decompress=1GiB'
/** Milliseconds for one run of a tool. */
const maxTime = 10 * 60_000
const maxLine = 64 << 10

const types: Readonly<Record<string, ArchiveEntry['type']>> = {
  '-': 'file',
  d: 'directory',
  l: 'symlink',
  h: 'hardlink',
  b: 'block',
  c: 'character',
  p: 'fifo',
  s: 'socket',
}

/** Recognises an archive by its first bytes; its name tells nothing. Throws a bad-request Failure for anything else. */
export async function recogniseArchive(path: string): Promise<ArchiveKind> {
  await using file = await open(path)
  const { buffer, bytesRead } = await file.read(Buffer.alloc(512), 0, 512, 0)
  const head = buffer.subarray(0, bytesRead).toString('latin1')
  const found = magics.find(([, offset, bytes]) => head.startsWith(bytes, offset))
  if (!found) throw badRequest('Unsupported compression: expected tar (plain, gz, bz2, xz, lzma or zst) or squashfs')
  return found[0]
}

/** An archive on disk. The path must be absolute, and the file one that only the daemon can write. */
export class Archive {
  readonly path: string
  readonly kind: ArchiveKind
  readonly #run: Run

  constructor(options: { readonly path: string; readonly kind: ArchiveKind; readonly run: Run }) {
    this.path = options.path
    this.kind = options.kind
    this.#run = options.run
  }

  /** Hands every entry to `take`, in order. Where that throws, reading ends and what was thrown is the failure. */
  async list(take: (entry: ArchiveEntry) => void, work: Work = {}): Promise<void> {
    const squashfs = this.kind === 'squashfs'
    const read = squashfs ? readSquashfsLine : readTarLine
    const lines = new Lines((line) => {
      const entry = read(line)
      if (entry) take(entry)
    })
    // With --absolute-names the list has targets of hard links as they are; unpacking is without.
    const tar = ['tar', '--list', '--verbose', '--absolute-names', '--numeric-owner', '--full-time']
    const args = squashfs ? ['unsquashfs', '-lln', this.path] : [...tar, '--quoting-style=c', ...this.#tarFile()]
    await this.#tool(args, { onStdout: (chunk) => lines.add(chunk) }, work)
    lines.end()
  }

  /** The content of a file of the archive; `name` as the list has it. Only for files known to be small. */
  async read(name: string, work: Work = {}): Promise<string> {
    const args =
      this.kind === 'squashfs'
        ? ['unsquashfs', '-no-wildcards', '-cat', this.path, name]
        : ['tar', '--extract', '--to-stdout', '--occurrence=1', ...this.#tarFile(), '--', name]
    return (await this.#tool(args, {}, work)).stdout
  }

  /**
   * Unpacks into a directory with owners, modes, times, ACLs, user attributes and file capabilities, leaving out what
   * matches a pattern of `exclude`, which is matched against whole names. May change mode and owner of the directory.
   */
  async unpack(directory: string, exclude: readonly string[], work: Work = {}): Promise<void> {
    if (this.kind === 'squashfs') {
      const args = ['unsquashfs', '-force', '-quiet', '-no-progress', '-dest', directory]
      await this.#tool([...args, ...(exclude.length > 0 ? ['-excludes'] : []), this.path, ...exclude], {}, work)
      return
    }
    // Not every attribute: `trusted.` ones would be believed by overlay file systems.
    const attributes = ['--acls', '--xattrs', '--xattrs-include=user.*', '--xattrs-include=security.capability']
    const args = ['tar', '--extract', '--numeric-owner', '--same-owner', '--preserve-permissions', ...attributes]
    const excludes = ['--anchored', ...exclude.map((pattern) => `--exclude=${pattern}`)]
    await using file = await open(this.path)
    using _ = await watchReading(file, work)
    const source = ['--file=-', ...compressions[this.kind]]
    await this.#tool([...args, ...excludes, `--directory=${directory}`, ...source], { stdin: file.fd }, work)
  }

  #tarFile(): string[] {
    if (this.kind === 'squashfs') throw new Error('not a tar archive')
    // A colon in the path would make it the name of a remote host.
    return ['--force-local', `--file=${this.path}`, ...compressions[this.kind]]
  }

  async #tool(args: readonly string[], options: RunOptions, { signal }: Work): Promise<Output> {
    const limits = [`--data=${maxMemory}`, '--core=0', '--']
    try {
      return await this.#run('prlimit', [...limits, ...args], {
        env: { XZ_DEFAULTS: xzOptions, TZ: 'UTC' },
        timeout: maxTime,
        ...options,
        ...(signal ? { signal } : {}),
      })
    } catch (error) {
      if (!(error instanceof CommandError)) throw error
      signal?.throwIfAborted()
      if (/No space left on device|Disk quota exceeded/.test(error.stderr)) {
        throw new Error('No space left on device', { cause: error })
      }
      // From 126 on, and without a code, it is the host that lacks something.
      if (error.code === undefined || error.code >= 126) throw error
      throw badRequest('Cannot read the archive', { cause: new Error(error.message.replace('prlimit', args[0] ?? '')) })
    }
  }
}

/**
 * Tells every now and then how much of a file was read by a program that shares our position in it, as LXD words it.
 * What is done sooner is done without a word.
 */
async function watchReading(file: FileHandle, { progress }: Work): Promise<Disposable> {
  const { size } = await file.stat()
  const began = performance.now()
  const tell = async () => {
    const read = Number(/^pos:\s*(\d+)/.exec(await readFile(`/proc/self/fdinfo/${file.fd}`, 'utf8'))?.[1] ?? '0')
    const speed = read / (performance.now() - began) / 1000
    progress?.(
      'create_instance_from_image_unpack',
      `Unpack: ${Math.floor((read / size) * 100)}% (${speed.toFixed(2)}MB/s)`,
    )
  }
  // The file may be closed by the time it is looked at.
  const timer = setInterval(() => void tell().catch(() => {}), 250)
  return { [Symbol.dispose]: () => clearInterval(timer) }
}

/** Cuts output into lines. */
class Lines {
  readonly #take: (line: string) => void
  readonly #decoder = new StringDecoder('utf8')
  #rest = ''

  constructor(take: (line: string) => void) {
    this.#take = take
  }

  add(chunk: Buffer): void {
    const lines = (this.#rest + this.#decoder.write(chunk)).split('\n')
    this.#rest = lines.pop() ?? ''
    if (this.#rest.length > maxLine) throw badRequest('Cannot read the archive: it has a name that is too long')
    for (const line of lines) this.#take(line)
  }

  end(): void {
    if (this.#rest !== '') this.#take(this.#rest)
  }
}

/** `-rw-r--r-- 0/0  42 2026-01-31 12:00:00 "name"`, links followed by ` -> "target"` or ` link to "target"`. */
function readTarLine(line: string): ArchiveEntry {
  const match = /^(.)\S* \S+ +(\S+) [^"]*"((?:[^"\\]|\\.)*)"(?: (?:->|link to) "((?:[^"\\]|\\.)*)")?/.exec(line)
  if (!match) throw badRequest(`Cannot read the archive: it has an entry of an unknown kind`)
  const [, letter = '', size = '', name = '', target] = match
  const type = types[letter] ?? 'other'
  return { type, name, size: /^\d+$/.test(size) ? Number(size) : 0, target: type === 'hardlink' ? target : undefined }
}

/** `-rw-r--r-- 0/0  42 2026-01-31 12:00 squashfs-root/name`, symbolic links followed by ` -> target`. */
function readSquashfsLine(line: string): ArchiveEntry | undefined {
  if (line === '') return undefined
  const match = /^(.)\S* \d+\/\d+ +(\d+)(?:, *\d+)? \S+ \S+ squashfs-root(?:\/(.*))?$/.exec(line)
  // Names are listed as they are, so that one with a line break looks like nothing we know.
  if (!match || /\p{Cc}/u.test(line)) {
    throw badRequest('Cannot read the archive: it has a name with control characters')
  }
  const [, letter = '', size = '', name = ''] = match
  const type = types[letter] ?? 'other'
  return { type, name: type === 'symlink' ? name.split(' -> ', 1)[0]! : name, size: Number(size), target: undefined }
}
