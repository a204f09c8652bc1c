/**
 * The format of rtnetlink(7): messages, and attributes inside them. Numbers are in the byte order of the machine, which
 * is little-endian wherever this runs. What comes out of a container's namespace is the container's choice: lengths are
 * checked, and text is made harmless.
 */

/** Types of messages. */
export const messageTypes = {
  error: 2,
  done: 3,
  newLink: 16,
  getLink: 18,
  newAddress: 20,
  getAddress: 22,
  newNamespaceId: 88,
  getNamespaceId: 90,
} as const

export const messageFlags = { request: 1, acknowledge: 4, dump: 0x300 } as const

/** One message: its type, and what follows its header. */
export interface Message {
  readonly type: number
  readonly sequence: number
  readonly body: Buffer
}

const headerLength = 16
const aligned = (length: number) => (length + 3) & ~3

/** The messages in what one read of the socket gave. What is cut off or has an impossible length ends the list. */
export function parseMessages(bytes: Buffer): Message[] {
  const found: Message[] = []
  for (let at = 0; at + headerLength <= bytes.length;) {
    const length = bytes.readUInt32LE(at)
    if (length < headerLength || at + length > bytes.length) break
    found.push({
      type: bytes.readUInt16LE(at + 4),
      sequence: bytes.readUInt32LE(at + 8),
      body: bytes.subarray(at + headerLength, at + length),
    })
    at += aligned(length)
  }
  return found
}

/** A request. */
export function formatMessage(type: number, flags: number, sequence: number, body: Uint8Array): Buffer {
  const message = Buffer.alloc(headerLength + body.length)
  message.writeUInt32LE(message.length, 0)
  message.writeUInt16LE(type, 4)
  message.writeUInt16LE(flags | messageFlags.request, 6)
  message.writeUInt32LE(sequence, 8)
  message.set(body, headerLength)
  return message
}

/** An attribute that is a number of 32 bits, signed. */
export function numberAttribute(type: number, value: number): Buffer {
  const attribute = Buffer.alloc(8)
  attribute.writeUInt16LE(8, 0)
  attribute.writeUInt16LE(type, 2)
  attribute.writeInt32LE(value, 4)
  return attribute
}

/** The attributes that begin at `start`, by type; of two of a type the last. */
export function parseAttributes(bytes: Buffer, start: number): Map<number, Buffer> {
  const found = new Map<number, Buffer>()
  for (let at = start; at + 4 <= bytes.length;) {
    const length = bytes.readUInt16LE(at)
    if (length < 4 || at + length > bytes.length) break
    // The two highest bits tell of the content, not of the type.
    found.set(bytes.readUInt16LE(at + 2) & 0x3fff, bytes.subarray(at + 4, at + length))
    at += aligned(length)
  }
  return found
}

/** The errno of an error message, positive; 0 where it only says that all went well. */
export function errorOf({ body }: Message): number {
  return body.length < 4 ? 0 : -body.readInt32LE(0)
}

/** Text that ends at its first zero byte, with what a terminal might obey replaced. */
export function readText(bytes: Buffer | undefined): string {
  const end = bytes?.indexOf(0) ?? -1
  const text = (end < 0 ? bytes : bytes?.subarray(0, end))?.toString('utf8') ?? ''
  return text.replaceAll(/\p{C}/gu, '?')
}
