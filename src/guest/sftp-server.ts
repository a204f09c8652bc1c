/**
 * A server of the SSH File Transfer Protocol over two streams, for the tree that is the root of its process. It has
 * OpenSSH's order of the arguments of SYMLINK, and those of OpenSSH's extensions that clients use.
 *
 * The guest helper, which can open none of the host's files, is handed this file, so it imports nothing that is not
 * part of Node, but for the packets.
 */
import { constants, promises as fs } from 'node:fs'
import type { Stats } from 'node:fs'
import type { FileHandle } from 'node:fs/promises'
import { posix } from 'node:path'
import type { Readable, Writable } from 'node:stream'
import { codes, makePacket, openModes, PacketReader, readPackets, types, version } from '#base/sftp-packets.ts'
import type { Attributes, Part } from '#base/sftp-packets.ts'

/** Requests that are worked on at once; more are not read. */
const maxRequests = 32
const maxHandles = 1024
const entriesAtOnce = 200
const maxRead = 512 << 10

interface OpenFile {
  readonly file: FileHandle
  readonly append: boolean
}

interface OpenDirectory {
  readonly path: Buffer
  /** Names still to be told, with what kind of file each is. */
  readonly names: Buffer[]
}

type Answer = readonly [type: number, ...parts: readonly Part[]]

class RequestReader extends PacketReader {
  readonly #root: string

  constructor(packet: Buffer, root: string) {
    super(packet)
    this.#root = root
  }

  path(): Buffer {
    const path = this.bytes()
    return this.#root === '' ? path : Buffer.concat([Buffer.from(`${this.#root}/`), path])
  }
}

class Status extends Error {
  readonly code: number

  constructor(code: number, message: string) {
    super(message)
    this.code = code
  }
}

const done: Answer = [types.status, codes.ok, Buffer.from('Success'), Buffer.alloc(0)]

const extensions = [
  ['posix-rename@openssh.com', '1'],
  ['hardlink@openssh.com', '1'],
  ['fsync@openssh.com', '1'],
  ['lsetstat@openssh.com', '1'],
  ['statvfs@openssh.com', '2'],
] as const

/** Serves until the input ends; then closes what is open. Paths start at `root`, a directory. */
export async function serveSftp(input: Readable, output: Writable, root = ''): Promise<void> {
  const server = new SftpServer(root)
  const write = async (packet: Buffer) => {
    if (!output.write(packet)) await new Promise((resolve) => output.once('drain', resolve))
  }
  const running = new Set<Promise<void>>()
  try {
    for await (const packet of readPackets(input)) {
      const working: Promise<void> = server
        .answer(packet)
        .then(write)
        .finally(() => running.delete(working))
      running.add(working)
      if (running.size >= maxRequests) await Promise.race(running)
    }
    await Promise.all(running)
  } finally {
    await server.close()
  }
}

class SftpServer {
  readonly #handles = new Map<number, OpenFile | OpenDirectory>()
  readonly #root: string
  #last = 0

  constructor(root: string) {
    this.#root = root
  }

  async close(): Promise<void> {
    for (const one of this.#handles.values()) if ('file' in one) await one.file.close()
    this.#handles.clear()
  }

  /** The answer to one request; never throws. */
  async answer(packet: Buffer): Promise<Buffer> {
    const type = packet.readUInt8(0)
    const reader = new RequestReader(packet.subarray(1), this.#root)
    if (type === types.init) {
      const names = extensions.flatMap((pair) => pair.map((text) => Buffer.from(text)))
      return makePacket(types.version, version, ...names)
    }
    let id = 0
    try {
      id = reader.number()
      const [answer, ...parts] = await this.#work(type, reader)
      return makePacket(answer, id, ...parts)
    } catch (error) {
      return makePacket(types.status, id, statusOf(error), Buffer.from((error as Error).message), Buffer.alloc(0))
    }
  }

  async #work(type: number, packet: RequestReader): Promise<Answer> {
    switch (type) {
      case types.open:
        return await this.#open(packet.path(), packet.number(), packet.attributes())
      case types.close:
        return await this.#close(packet.bytes())
      case types.read:
        return await this.#read(packet.bytes(), packet.long(), packet.number())
      case types.write:
        return await this.#write(packet.bytes(), packet.long(), packet.bytes())
      case types.fstat:
        return [types.attrs, attributesOf(await this.#file(packet.bytes()).file.stat())]
      case types.fsetstat:
        return await this.#setOpen(packet.bytes(), packet.attributes())
      case types.opendir:
        return await this.#openDirectory(packet.path())
      case types.readdir:
        return await this.#readDirectory(packet.bytes())
      case types.extended:
        return await this.#extended(packet.bytes().toString(), packet)
      default:
        return await workOnPath(type, packet)
    }
  }

  async #open(path: Buffer, modes: number, attributes: Attributes): Promise<Answer> {
    const has = (mode: number) => (modes & mode) !== 0
    let flags = constants.O_NONBLOCK | constants.O_NOCTTY
    if (has(openModes.write)) flags |= has(openModes.read) ? constants.O_RDWR : constants.O_WRONLY
    if (has(openModes.append)) flags |= constants.O_APPEND
    if (has(openModes.create)) flags |= constants.O_CREAT
    if (has(openModes.exclusive)) flags |= constants.O_EXCL
    await refuseSpecial(path)
    const file = await fs.open(path, flags, (attributes.mode ?? 0o644) & 0o7777)
    try {
      // What is opened may be something else by now than what was looked at.
      if (!(await file.stat()).isFile()) throw new Status(codes.failure, 'not a regular file')
      if (has(openModes.truncate)) await file.truncate(0)
      return [types.handle, this.#keep({ file, append: has(openModes.append) })]
    } catch (error) {
      await file.close()
      throw error
    }
  }

  async #close(handle: Buffer): Promise<Answer> {
    const found = this.#find(handle)
    this.#handles.delete(handle.readUInt32BE(0))
    if ('file' in found) await found.file.close()
    return done
  }

  async #read(handle: Buffer, position: number, length: number): Promise<Answer> {
    const { file } = this.#file(handle)
    const buffer = Buffer.allocUnsafe(Math.min(length, maxRead))
    const { bytesRead } = await file.read(buffer, 0, buffer.length, position)
    if (bytesRead === 0) throw new Status(codes.eof, 'EOF')
    return [types.data, buffer.subarray(0, bytesRead)]
  }

  async #write(handle: Buffer, position: number, bytes: Buffer): Promise<Answer> {
    const { file, append } = this.#file(handle)
    for (let at = 0; at < bytes.length;) {
      const { bytesWritten } = await file.write(bytes, at, bytes.length - at, append ? null : position + at)
      at += bytesWritten
    }
    return done
  }

  async #setOpen(handle: Buffer, attributes: Attributes): Promise<Answer> {
    const { file } = this.#file(handle)
    const { size, uid, gid, mode, atime, mtime } = attributes
    if (size !== undefined) await file.truncate(size)
    if (uid !== undefined && gid !== undefined) await file.chown(uid, gid)
    if (mode !== undefined) await file.chmod(mode & 0o7777)
    if (atime !== undefined && mtime !== undefined) await file.utimes(atime, mtime)
    return done
  }

  async #openDirectory(path: Buffer): Promise<Answer> {
    const names = await fs.readdir(path, { encoding: 'buffer' })
    return [types.handle, this.#keep({ path, names })]
  }

  async #readDirectory(handle: Buffer): Promise<Answer> {
    const found = this.#find(handle)
    if (!('names' in found)) throw new Status(codes.failure, 'not a directory')
    const names = found.names.splice(0, entriesAtOnce)
    if (names.length === 0) throw new Status(codes.eof, 'EOF')
    const entries = (await Promise.all(names.map((name) => entryOf(found.path, name)))).flat()
    return [types.name, entries.length / 3, ...entries]
  }

  async #extended(name: string, packet: RequestReader): Promise<Answer> {
    switch (name) {
      case 'posix-rename@openssh.com':
        await fs.rename(packet.path(), packet.path())
        return done
      case 'hardlink@openssh.com':
        await fs.link(packet.path(), packet.path())
        return done
      case 'fsync@openssh.com':
        await this.#file(packet.bytes()).file.sync()
        return done
      case 'lsetstat@openssh.com':
        await setLink(packet.path(), packet.attributes())
        return done
      case 'statvfs@openssh.com': {
        const { bsize, blocks, bfree, bavail, files, ffree } = await fs.statfs(packet.path())
        const all = [bsize, bsize, blocks, bfree, bavail, files, ffree, ffree, 0, 0, 255]
        return [types.extendedReply, ...all.map(BigInt)]
      }
      default:
        throw new Status(codes.unsupported, `no extension "${name}"`)
    }
  }

  #keep(opened: OpenFile | OpenDirectory): Buffer {
    if (this.#handles.size >= maxHandles) throw new Status(codes.failure, 'too many open files')
    const handle = Buffer.alloc(4)
    handle.writeUInt32BE(++this.#last)
    this.#handles.set(this.#last, opened)
    return handle
  }

  #find(handle: Buffer): OpenFile | OpenDirectory {
    const found = handle.length === 4 ? this.#handles.get(handle.readUInt32BE(0)) : undefined
    if (!found) throw new Status(codes.failure, 'no such handle')
    return found
  }

  #file(handle: Buffer): OpenFile {
    const found = this.#find(handle)
    if (!('file' in found)) throw new Status(codes.failure, 'a directory')
    return found
  }
}

async function workOnPath(type: number, packet: RequestReader): Promise<Answer> {
  if (type === types.symlink) {
    await fs.symlink(packet.bytes(), packet.path())
    return done
  }
  if (type === types.realpath) {
    return name(Buffer.from(posix.resolve('/', packet.bytes().toString('latin1')), 'latin1'))
  }
  const path = packet.path()
  switch (type) {
    case types.lstat:
      return [types.attrs, attributesOf(await fs.lstat(path))]
    case types.stat:
      return [types.attrs, attributesOf(await fs.stat(path))]
    case types.setstat:
      await setPath(path, packet.attributes())
      return done
    case types.remove:
      await fs.unlink(path)
      return done
    case types.mkdir:
      await fs.mkdir(path, (packet.attributes().mode ?? 0o755) & 0o7777)
      return done
    case types.rmdir:
      await fs.rmdir(path)
      return done
    case types.rename:
      await rename(path, packet.path())
      return done
    case types.readlink:
      return name(await fs.readlink(path, { encoding: 'buffer' }))
    default:
      throw new Status(codes.unsupported, `no request ${type}`)
  }
}

function name(path: Buffer): Answer {
  return [types.name, 1, path, path, {}]
}

/** As version 3 of the protocol has it: nothing is replaced. */
async function rename(from: Buffer, to: Buffer): Promise<void> {
  const there = await fs.lstat(to).catch(() => undefined)
  if (there) throw new Status(codes.failure, 'EEXIST: file already exists')
  await fs.rename(from, to)
}

async function setPath(path: Buffer, { size, uid, gid, mode, atime, mtime }: Attributes): Promise<void> {
  if (size !== undefined) {
    await refuseSpecial(path)
    await fs.truncate(path, size)
  }
  if (uid !== undefined && gid !== undefined) await fs.chown(path, uid, gid)
  if (mode !== undefined) await fs.chmod(path, mode & 0o7777)
  if (atime !== undefined && mtime !== undefined) await fs.utimes(path, atime, mtime)
}

async function setLink(path: Buffer, { uid, gid, mode, atime, mtime }: Attributes): Promise<void> {
  if (uid !== undefined && gid !== undefined) await fs.lchown(path, uid, gid)
  if (mode !== undefined && !(await fs.lstat(path)).isSymbolicLink()) await fs.chmod(path, mode & 0o7777)
  if (atime !== undefined && mtime !== undefined) await fs.lutimes(path, atime, mtime)
}

/** Opening a pipe or a device may wait for ever, or do something. */
async function refuseSpecial(path: Buffer): Promise<void> {
  const stats = await fs.stat(path).catch(() => undefined)
  if (stats && !stats.isFile() && !stats.isDirectory()) throw new Status(codes.failure, 'not a regular file')
}

/** Nothing for what went meanwhile. */
async function entryOf(directory: Buffer, name: Buffer): Promise<readonly Part[]> {
  const stats = await fs.lstat(Buffer.concat([directory, Buffer.from('/'), name])).catch(() => undefined)
  return stats ? [name, longName(name, stats), attributesOf(stats)] : []
}

function attributesOf({ size, uid, gid, mode, atimeMs, mtimeMs }: Stats): Attributes {
  const seconds = (milliseconds: number) => Math.max(0, Math.min(Math.floor(milliseconds / 1000), 0xffff_ffff))
  return { size, uid, gid, mode, atime: seconds(atimeMs), mtime: seconds(mtimeMs) }
}

/** A line as of `ls -l`, which is for people to read. */
function longName(name: Buffer, stats: Stats): Buffer {
  const kind = stats.isDirectory() ? 'd' : stats.isSymbolicLink() ? 'l' : '-'
  const bits = Array.from('rwxrwxrwx', (letter, at) => (stats.mode & (0o400 >> at) ? letter : '-')).join('')
  const time = new Date(stats.mtimeMs).toISOString().slice(0, 16).replace('T', ' ')
  return Buffer.concat([Buffer.from(`${kind}${bits} 1 ${stats.uid} ${stats.gid} ${stats.size} ${time} `), name])
}

function statusOf(error: unknown): number {
  if (error instanceof Status) return error.code
  if (error instanceof RangeError) return codes.badMessage
  const { code } = error as NodeJS.ErrnoException
  if (code === 'ENOENT') return codes.noSuchFile
  return code === 'EACCES' || code === 'EPERM' ? codes.permissionDenied : codes.failure
}
