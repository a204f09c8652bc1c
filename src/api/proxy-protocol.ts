/**
 * The PROXY protocol, versions 1 and 2: how a proxy tells for whom it opens a connection
 * (https://www.haproxy.org/download/2.9/doc/proxy-protocol.txt).
 */
import { isIPv4, isIPv6 } from 'node:net'
import type { Socket } from 'node:net'
import { numberToAddress } from '#base/address.ts'
import type { ListenAddress } from '#base/listen-address.ts'

/** What the first bytes of a connection are, as far as they have come. */
export type ProxyHeader =
  /** More bytes are needed to tell. */
  | 'incomplete'
  /** No header: what came is the client's already. */
  | 'none'
  /** A header of `length` bytes. `source` is the client; none where the proxy speaks for itself. */
  | { readonly length: number; readonly source: ListenAddress | undefined }

const signature = Buffer.from('\r\n\r\n\0\r\nQUIT\n', 'latin1')

/** The longest line of version 1, its end included. */
const maxLine = 107

/** The most that version 2 may carry after its first 16 bytes: addresses, and extensions that are skipped. */
const maxRest = 4096

/** Reads the start of a connection. Throws an Error where it begins as a header and is none. */
export function parseProxyHeader(bytes: Buffer): ProxyHeader {
  if (startsLike(bytes, signature)) return bytes.length < 16 ? 'incomplete' : parseBinary(bytes)
  if (startsLike(bytes, Buffer.from('PROXY '))) return parseLine(bytes)
  return 'none'
}

/** Whether what both have is the same. */
function startsLike(bytes: Buffer, start: Buffer): boolean {
  const length = Math.min(bytes.length, start.length)
  return bytes.subarray(0, length).equals(start.subarray(0, length))
}

function parseLine(bytes: Buffer): ProxyHeader {
  const end = bytes.subarray(0, maxLine).indexOf('\r\n')
  if (end < 0) {
    if (bytes.length < maxLine) return 'incomplete'
    throw new Error('Invalid PROXY header: the line does not end')
  }
  const [, family = '', source = '', destination = '', port = '', ...rest] = bytes.toString('latin1', 0, end).split(' ')
  const length = end + 2
  if (family === 'UNKNOWN') return { length, source: undefined }
  const isAddress = family === 'TCP4' ? isIPv4 : family === 'TCP6' ? isIPv6 : undefined
  const ports = [port, ...rest]
  if (!isAddress?.(source) || !isAddress(destination) || ports.length !== 2 || !ports.every(isPort)) {
    throw new Error('Invalid PROXY header: expected TCP4 or TCP6, two addresses and two ports')
  }
  return { length, source: { host: source.toLowerCase(), port: Number(port) } }
}

function isPort(text: string): boolean {
  return /^(0|[1-9]\d{0,4})$/.test(text) && Number(text) < 65_536
}

function parseBinary(bytes: Buffer): ProxyHeader {
  const version = bytes.readUInt8(12)
  const family = bytes.readUInt8(13)
  const rest = bytes.readUInt16BE(14)
  if (version !== 0x20 && version !== 0x21) throw new Error('Invalid PROXY header: unknown version or command')
  if (rest > maxRest) throw new Error('Invalid PROXY header: too long')
  const length = 16 + rest
  if (bytes.length < length) return 'incomplete'
  // LOCAL: a health check of the proxy's own. Other families than TCP over IP: nothing to be known of the client.
  const width = version === 0x21 ? { 0x11: 4, 0x21: 16 }[family] : undefined
  if (width === undefined) return { length, source: undefined }
  if (rest < 2 * width + 4) throw new Error('Invalid PROXY header: too short for its addresses')
  const address = BigInt(`0x${bytes.toString('hex', 16, 16 + width)}`)
  const host = numberToAddress(address, width === 4 ? 4 : 6)
  return { length, source: { host, port: bytes.readUInt16BE(16 + 2 * width) } }
}

/**
 * Takes the header off a connection that a proxy has opened and gives the client's address; none where the proxy speaks
 * for itself. Rejects where what comes is no header, or the connection ends.
 */
export async function takeProxyHeader(socket: Socket, timeout: number): Promise<ListenAddress | undefined> {
  const { promise, resolve, reject } = Promise.withResolvers<ListenAddress | undefined>()
  let bytes: Buffer = Buffer.alloc(0)
  const read = () => {
    for (let chunk: Buffer | null; (chunk = socket.read() as Buffer | null) !== null;) {
      bytes = Buffer.concat([bytes, chunk])
    }
    try {
      const header = parseProxyHeader(bytes)
      if (header === 'incomplete') return
      // What goes back would be read again at once.
      socket.off('readable', read)
      const rest = header === 'none' ? bytes : bytes.subarray(header.length)
      if (rest.length > 0) socket.unshift(rest)
      resolve(header === 'none' ? undefined : header.source)
    } catch (error) {
      reject(error as Error)
    }
  }
  const end = () => reject(new Error('The connection ended'))
  const timer = setTimeout(() => reject(new Error('No PROXY header came in time')), timeout)
  socket.on('readable', read).on('end', end).on('close', end).on('error', end)
  try {
    return await promise
  } finally {
    clearTimeout(timer)
    socket.off('readable', read).off('end', end).off('close', end).off('error', end)
  }
}
