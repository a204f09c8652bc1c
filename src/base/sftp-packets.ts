/**
 * The packets of the SSH File Transfer Protocol, version 3 (draft-ietf-secsh-filexfer-02). Names are bytes, as the
 * kernel has them.
 *
 * The guest helper, which can open none of the host's files, is handed this one, so it imports nothing.
 */

/** The types of packets. */
export const types = {
  init: 1,
  version: 2,
  open: 3,
  close: 4,
  read: 5,
  write: 6,
  lstat: 7,
  fstat: 8,
  setstat: 9,
  fsetstat: 10,
  opendir: 11,
  readdir: 12,
  remove: 13,
  mkdir: 14,
  rmdir: 15,
  realpath: 16,
  stat: 17,
  rename: 18,
  readlink: 19,
  symlink: 20,
  status: 101,
  handle: 102,
  data: 103,
  name: 104,
  attrs: 105,
  extended: 200,
  extendedReply: 201,
} as const

/** What a STATUS packet tells. */
export const codes = { ok: 0, eof: 1, noSuchFile: 2, permissionDenied: 3, failure: 4, badMessage: 5, unsupported: 8 }

/** Which attributes a packet has. */
export const attributeFlags = { size: 1, owner: 2, permissions: 4, times: 8, extended: 0x8000_0000 } as const

/** How a file is opened. */
export const openModes = { read: 1, write: 2, append: 4, create: 8, truncate: 16, exclusive: 32 } as const

/** The most bytes a packet may have after its length. */
export const maxPacket = 1 << 20

/** The version of the protocol. */
export const version = 3

/** Attributes of a file as packets carry them. Times are in seconds. */
export interface Attributes {
  readonly size?: number
  readonly uid?: number
  readonly gid?: number
  /** Type and permissions, as in `st_mode`. */
  readonly mode?: number
  readonly atime?: number
  readonly mtime?: number
}

/** Takes a packet apart. Throws a RangeError where it is too short. */
export class PacketReader {
  readonly #bytes: Buffer
  #at = 0

  constructor(bytes: Buffer) {
    this.#bytes = bytes
  }

  byte(): number {
    return this.#bytes.readUInt8(this.#step(1))
  }

  number(): number {
    return this.#bytes.readUInt32BE(this.#step(4))
  }

  long(): number {
    return Number(this.#bytes.readBigUInt64BE(this.#step(8)))
  }

  bytes(): Buffer {
    const length = this.number()
    const start = this.#step(length)
    return this.#bytes.subarray(start, start + length)
  }

  attributes(): Attributes {
    const flags = this.number()
    const has = (flag: number) => (flags & flag) !== 0
    return {
      ...(has(attributeFlags.size) ? { size: this.long() } : {}),
      ...(has(attributeFlags.owner) ? { uid: this.number(), gid: this.number() } : {}),
      ...(has(attributeFlags.permissions) ? { mode: this.number() } : {}),
      ...(has(attributeFlags.times) ? { atime: this.number(), mtime: this.number() } : {}),
    }
  }

  #step(length: number): number {
    const start = this.#at
    if (start + length > this.#bytes.length) throw new RangeError('the packet is too short')
    this.#at += length
    return start
  }
}

/** A part of a packet: a number of 32 bits, a long of 64, a string of bytes with its length, or attributes. */
export type Part = number | bigint | Uint8Array | Attributes

/** A packet with its length in front. */
export function makePacket(type: number, ...parts: readonly Part[]): Buffer {
  const body = parts.flatMap(encode)
  const head = Buffer.alloc(5)
  head.writeUInt32BE(
    body.reduce((sum, part) => sum + part.length, 1),
    0,
  )
  head.writeUInt8(type, 4)
  return Buffer.concat([head, ...body])
}

function encode(part: Part): Uint8Array[] {
  if (typeof part === 'number') return [number(part)]
  if (typeof part === 'bigint') return [long(part)]
  if (part instanceof Uint8Array) return [number(part.length), part]
  const { size, uid, gid, mode, atime, mtime } = part
  let flags = 0
  const values: Buffer[] = []
  const add = (flag: number, ...more: readonly Buffer[]) => {
    flags |= flag
    values.push(...more)
  }
  if (size !== undefined) add(attributeFlags.size, long(BigInt(size)))
  if (uid !== undefined && gid !== undefined) add(attributeFlags.owner, number(uid), number(gid))
  if (mode !== undefined) add(attributeFlags.permissions, number(mode))
  if (atime !== undefined && mtime !== undefined) add(attributeFlags.times, number(atime), number(mtime))
  return [number(flags), ...values]
}

function number(value: number): Buffer {
  const bytes = Buffer.alloc(4)
  bytes.writeUInt32BE(value >>> 0)
  return bytes
}

function long(value: bigint): Buffer {
  const bytes = Buffer.alloc(8)
  bytes.writeBigUInt64BE(value)
  return bytes
}

/** Cuts a stream into packets, without their lengths. Throws a RangeError for one that is too long. */
export async function* readPackets(input: AsyncIterable<Uint8Array>): AsyncGenerator<Buffer> {
  let kept: Uint8Array[] = []
  let length = 0
  for await (const chunk of input) {
    kept.push(chunk)
    length += chunk.length
    if (length < 4) continue
    let bytes = kept.length === 1 ? asBuffer(kept[0]!) : Buffer.concat(kept)
    for (let size = sizeOf(bytes); bytes.length >= 4 && bytes.length >= 4 + size; size = sizeOf(bytes)) {
      yield bytes.subarray(4, 4 + size)
      bytes = bytes.subarray(4 + size)
    }
    kept = [bytes]
    length = bytes.length
  }
}

function asBuffer(bytes: Uint8Array): Buffer {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length)
}

function sizeOf(bytes: Buffer): number {
  if (bytes.length < 4) return 0
  const size = bytes.readUInt32BE(0)
  if (size === 0 || size > maxPacket) throw new RangeError(`a packet of ${size} bytes`)
  return size
}
