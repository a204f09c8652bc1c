import type { Writable } from 'node:stream'
import { codes, makePacket, PacketReader, readPackets, types, version } from './sftp-packets.ts'
import type { Attributes, Part } from './sftp-packets.ts'

/** The server refused a request. `code` is the errno's name where it told one, such as `ENOENT`. */
export class SftpError extends Error {
  readonly code: string | undefined

  constructor(message: string) {
    super(message)
    this.code = /^(E[A-Z0-9]+): /.exec(message)?.[1]
  }
}

/** An entry of a directory. */
export interface Entry {
  readonly name: Buffer
  readonly attributes: Attributes
}

/** What an open file or directory is called. */
export type Handle = Buffer

interface Waiting {
  resolve(answer: { readonly type: number; readonly packet: PacketReader }): void
  reject(error: Error): void
}

/** Milliseconds the server has for one request. A guest may hold up whoever looks at its files. */
const patience = 20_000

/** Bytes asked for in one request, and requests under way, where a whole file is copied. */
const piece = 256 << 10
const ahead = 4

/** Asks a server of the SSH File Transfer Protocol over two streams. Paths are the server's. */
export class SftpClient {
  readonly #output: Writable
  readonly #waiting = new Map<number, Waiting>()
  readonly #ready = Promise.withResolvers<void>()
  #onStuck: () => void = () => {}
  #last = 0
  #failed: Error | undefined

  constructor(input: AsyncIterable<Uint8Array>, output: Writable) {
    this.#output = output
    output.on('error', (error) => this.#fail(error))
    this.#ready.promise.catch(() => {})
    void this.#listen(input)
    output.write(makeInit())
  }

  /** Calls `listener` when a request is not answered in time. All requests fail then. */
  onStuck(listener: () => void): void {
    this.#onStuck = listener
  }

  async stat(path: string): Promise<Attributes> {
    return (await this.#ask(types.attrs, types.stat, bytes(path))).attributes()
  }

  /** Of a symbolic link itself. */
  async lstat(path: string): Promise<Attributes> {
    return (await this.#ask(types.attrs, types.lstat, bytes(path))).attributes()
  }

  async fstat(handle: Handle): Promise<Attributes> {
    return (await this.#ask(types.attrs, types.fstat, handle)).attributes()
  }

  /** Opens a file; `modes` of `openModes`. The mode of a file that is made is `attributes.mode`. */
  async open(path: string, modes: number, attributes: Attributes = {}): Promise<Handle> {
    return Buffer.from((await this.#ask(types.handle, types.open, bytes(path), modes, attributes)).bytes())
  }

  async close(handle: Handle): Promise<void> {
    await this.#ask(types.status, types.close, handle)
  }

  async setOpen(handle: Handle, attributes: Attributes): Promise<void> {
    await this.#ask(types.status, types.fsetstat, handle, attributes)
  }

  /** Changes attributes without following a symbolic link. */
  async setLink(path: string, attributes: Attributes): Promise<void> {
    await this.#ask(types.status, types.extended, bytes('lsetstat@openssh.com'), bytes(path), attributes)
  }

  async makeDirectory(path: string, mode: number): Promise<void> {
    await this.#ask(types.status, types.mkdir, bytes(path), { mode })
  }

  async makeLink(target: string, path: string): Promise<void> {
    await this.#ask(types.status, types.symlink, bytes(target), bytes(path))
  }

  async readLink(path: string): Promise<string> {
    const packet = await this.#ask(types.name, types.readlink, bytes(path))
    packet.number()
    return packet.bytes().toString()
  }

  async remove(path: string): Promise<void> {
    await this.#ask(types.status, types.remove, bytes(path))
  }

  async removeDirectory(path: string): Promise<void> {
    await this.#ask(types.status, types.rmdir, bytes(path))
  }

  /** What is in a directory, in no order, without `.` and `..`. */
  async list(path: string): Promise<Entry[]> {
    const handle = (await this.#ask(types.handle, types.opendir, bytes(path))).bytes()
    const entries: Entry[] = []
    try {
      for (;;) {
        const packet = await this.#askOrEnd(types.name, types.readdir, handle)
        if (!packet) return entries
        for (let left = packet.number(); left > 0; left--) {
          const name = Buffer.from(packet.bytes())
          packet.bytes()
          entries.push({ name, attributes: packet.attributes() })
        }
      }
    } finally {
      await this.close(handle)
    }
  }

  /** The bytes of an open file from its start to its end, asked for ahead of their use. */
  async *read(handle: Handle): AsyncGenerator<Buffer> {
    const ask = (at: number) => settledLater(this.#askOrEnd(types.data, types.read, handle, BigInt(at), piece))
    const asked: { readonly at: number; readonly answer: ReturnType<typeof ask> }[] = []
    let next = 0
    try {
      for (;;) {
        for (; asked.length < ahead; next += piece) asked.push({ at: next, answer: ask(next) })
        const { at, answer } = asked.shift()!
        const data = (await answer)?.bytes()
        if (!data) return
        yield data
        // A file that ends, or changes, within the piece: what was asked for beyond starts at the wrong place.
        if (data.length < piece) {
          await Promise.all(asked.map((one) => one.answer))
          asked.length = 0
          next = at + data.length
        }
      }
    } finally {
      await Promise.allSettled(asked.map((one) => one.answer))
    }
  }

  /** Writes what `source` gives, from the start of an open file or, where it is opened so, at its end. */
  async write(handle: Handle, source: AsyncIterable<Uint8Array>): Promise<void> {
    const asked: Promise<unknown>[] = []
    let at = 0
    try {
      for await (const chunk of source) {
        asked.push(settledLater(this.#ask(types.status, types.write, handle, BigInt(at), chunk)))
        at += chunk.length
        if (asked.length >= ahead * 4) await asked.shift()
      }
      await Promise.all(asked)
    } finally {
      await Promise.allSettled(asked)
    }
  }

  async #ask(expected: number, type: number, ...parts: readonly Part[]): Promise<PacketReader> {
    const packet = await this.#askOrEnd(expected, type, ...parts)
    if (!packet) throw new SftpError('the file ended')
    return packet
  }

  /** Undefined where the answer is that there is no more. */
  async #askOrEnd(expected: number, type: number, ...parts: readonly Part[]): Promise<PacketReader | undefined> {
    await this.#ready.promise
    if (this.#failed) throw this.#failed
    const id = (this.#last = (this.#last + 1) >>> 0)
    const { promise, resolve, reject } = Promise.withResolvers<{ type: number; packet: PacketReader }>()
    this.#waiting.set(id, { resolve, reject })
    this.#output.write(makePacket(type, id, ...parts))
    const timer = setTimeout(() => this.#giveUp(), patience)
    const answer = await promise.finally(() => clearTimeout(timer))
    if (answer.type === expected && expected !== types.status) return answer.packet
    if (answer.type !== types.status) throw new SftpError(`an answer of type ${answer.type}`)
    const code = answer.packet.number()
    if (code === codes.eof) return undefined
    if (code !== codes.ok) throw new SftpError(answer.packet.bytes().toString())
    return answer.packet
  }

  async #listen(input: AsyncIterable<Uint8Array>): Promise<void> {
    try {
      for await (const bytesOfPacket of readPackets(input)) {
        const type = bytesOfPacket.readUInt8(0)
        const packet = new PacketReader(bytesOfPacket.subarray(1))
        if (type === types.version) {
          this.#ready.resolve()
          continue
        }
        const id = packet.number()
        this.#waiting.get(id)?.resolve({ type, packet })
        this.#waiting.delete(id)
      }
      this.#fail(new Error('the connection ended'))
    } catch (error) {
      this.#fail(error as Error)
    }
  }

  #giveUp(): void {
    this.#fail(new SftpError('ETIMEDOUT: the files of the instance do not answer'))
    this.#onStuck()
  }

  #fail(error: Error): void {
    this.#failed ??= error
    this.#ready.reject(this.#failed)
    for (const one of this.#waiting.values()) one.reject(this.#failed)
    this.#waiting.clear()
  }
}

/** A promise that is looked at later: that it fails before is nothing to complain about. */
function settledLater<T>(promise: Promise<T>): Promise<T> {
  promise.catch(() => {})
  return promise
}

function bytes(text: string): Buffer {
  return Buffer.from(text)
}

function makeInit(): Buffer {
  const packet = Buffer.alloc(9)
  packet.writeUInt32BE(5, 0)
  packet.writeUInt8(types.init, 4)
  packet.writeUInt32BE(version, 5)
  return packet
}
