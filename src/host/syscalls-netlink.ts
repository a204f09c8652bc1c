/** Sockets of netlink(7), which Node has no function for. All throw a SyscallError. */
import { libc } from './native.ts'
import { Descriptor } from './syscalls.ts'

const socketCall = libc('int socket(int domain, int type, int protocol)')
const setsockoptCall = libc('int setsockopt(int socket, int level, int option, const void *value, unsigned int length)')
const sendCall = libc('long send(int socket, const void *message, size_t length, int flags)')
const recvCall = libc('long recv(int socket, void *buffer, size_t length, int flags)')

const netlinkFamily = 16
const rawCloseOnExec = 3 | 0o2_000_000
const routeProtocol = 0
const netlinkLevel = 270
const strictCheck = 12
const dontWait = 0x40

/**
 * A socket to the kernel's network configuration (rtnetlink(7)) that has it take every field of a request seriously:
 * without that it ignores the namespace that addresses are asked of.
 */
export function openRouteSocket(): Descriptor {
  const socket = new Descriptor(socketCall(netlinkFamily, rawCloseOnExec, routeProtocol))
  try {
    const on = Buffer.alloc(4)
    on.writeInt32LE(1)
    setsockoptCall(socket.number, netlinkLevel, strictCheck, on, on.length)
    return socket
  } catch (error) {
    socket[Symbol.dispose]()
    throw error
  }
}

/** Sends a request. For those the kernel answers without waiting for a lock of others. */
export function sendRequest(socket: Descriptor, message: Uint8Array): void {
  sendCall(socket.number, message, message.length, 0)
}

/** The length of an answer, which is written into `buffer`. The answer must be there: this does not wait. */
export function receiveAnswer(socket: Descriptor, buffer: Uint8Array): number {
  return recvCall(socket.number, buffer, buffer.length, dontWait)
}

/** {@link sendRequest} on another thread: the kernel may have to wait for whoever is changing links. */
export async function sendRequestLater(socket: Descriptor, message: Uint8Array): Promise<void> {
  await sendCall.later(socket.number, message, message.length, 0)
}

/** {@link receiveAnswer} on another thread: reading one part of a list has the kernel write the next. */
export async function receiveAnswerLater(socket: Descriptor, buffer: Uint8Array): Promise<number> {
  return await recvCall.later(socket.number, buffer, buffer.length, dontWait)
}
