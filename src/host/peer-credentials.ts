import type { Socket } from 'node:net'
import { readFileSync } from 'node:fs'
import { libc, SyscallError } from './native.ts'

/** Who is at the other end of a Unix socket, as the kernel noted it when they connected (SO_PEERCRED, unix(7)). */
export interface PeerCredentials {
  readonly pid: number
  readonly uid: number
  readonly gid: number
}

const solSocket = 1
const soPeercred = 17
const soPeergroups = 59
/** NGROUPS_MAX, the most groups a process can be in. */
const maxGroups = 65_536
const getsockopt = libc('int getsockopt(int fd, int level, int name, void *value, void *length)')

/** The credentials of the client of a Unix socket, or undefined where the socket has none to give. */
export function peerCredentials(socket: Socket): PeerCredentials | undefined {
  const fd = descriptorOf(socket)
  if (fd === undefined) return undefined
  const value = Buffer.alloc(12)
  const length = Buffer.alloc(4)
  length.writeUInt32LE(12)
  try {
    getsockopt(fd, solSocket, soPeercred, value, length)
  } catch {
    return undefined
  }
  return { pid: value.readInt32LE(0), uid: value.readUInt32LE(4), gid: value.readUInt32LE(8) }
}

/**
 * The supplementary groups of the client of a Unix socket when it connected (SO_PEERGROUPS, Linux 4.13). Empty where
 * the socket has none to give.
 */
export function peerGroups(socket: Socket): readonly number[] {
  const fd = descriptorOf(socket)
  if (fd === undefined) return []
  const length = Buffer.alloc(4)
  for (let room = 256; room <= maxGroups; room *= 16) {
    const value = Buffer.alloc(room * 4)
    length.writeUInt32LE(value.length)
    try {
      getsockopt(fd, solSocket, soPeergroups, value, length)
    } catch (error) {
      // There are more than fit.
      if (error instanceof SyscallError && error.code === 'ERANGE') continue
      return []
    }
    const count = length.readUInt32LE() / 4
    return Array.from({ length: count }, (_, index) => value.readUInt32LE(index * 4))
  }
  return []
}

function descriptorOf(socket: Socket): number | undefined {
  // Node keeps the descriptor to itself; there is no public way to it.
  const fd = (socket as unknown as { _handle?: { fd?: number } })._handle?.fd
  return fd === undefined || fd < 0 ? undefined : fd
}

/** The name of a local user (passwd(5)), or the number as text where there is none. */
export function userName(uid: number): string {
  let text = ''
  try {
    text = readFileSync('/etc/passwd', 'utf8')
  } catch {
    // Without the file there are no names.
  }
  for (const line of text.split('\n')) {
    const [name, , id] = line.split(':')
    if (name && id === String(uid)) return name
  }
  return String(uid)
}
