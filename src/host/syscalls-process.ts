import { closeSync, constants, openSync } from 'node:fs'
import { libc, syscall } from './native.ts'

const pipe2 = libc('int pipe2(int *descriptors, int flags)')
const fchown = libc('int fchown(int descriptor, unsigned int user, unsigned int group)')
const ioctlWithNumber = libc('int ioctl(int descriptor, unsigned long request, int argument)')
const ioctlWithMemory = libc('int ioctl(int descriptor, unsigned long request, void *argument)')
const pidfdOpen = syscall('pidfd_open', 434, ['int', 'unsigned int'])
const pidfdSendSignal = syscall('pidfd_send_signal', 424, ['int', 'int', 'void *', 'unsigned int'])

const closeOnExec = 0o2_000_000

/** Makes a pipe. Both ends are closed in programs that are not given them. See pipe(2). */
export function makePipe(): { readonly read: number; readonly write: number } {
  const memory = Buffer.alloc(8)
  pipe2(memory, closeOnExec)
  return { read: memory.readInt32LE(0), write: memory.readInt32LE(4) }
}

/** Gives the file behind a descriptor to a user and a group. */
export function changeOwner(descriptor: number, user: number, group: number): void {
  fchown(descriptor, user, group)
}

/** A descriptor that stands for the process itself, whatever becomes of its number. See pidfd_open(2). */
export function openProcess(pid: number): number {
  return pidfdOpen(pid, 0)
}

/** Sends a signal to the process of a descriptor made by {@link openProcess}. */
export function signalProcess(pidfd: number, signal: number): void {
  pidfdSendSignal(pidfd, signal, null, 0)
}

// ioctl_tty(2)
const setWindowSize = 0x5414
const getAttributes = 0x5401
const setAttributes = 0x5402
const setLock = 0x40045431
const openPeer = 0x5441

/** The two ends of a new terminal. What is written to one is read from the other, unchanged: it is in raw mode. */
export function openTerminal(): { readonly master: number; readonly slave: number } {
  const flags = constants.O_RDWR | constants.O_NOCTTY
  const master = openSync('/dev/ptmx', flags)
  try {
    ioctlWithMemory(master, setLock, Buffer.alloc(4))
    const slave = ioctlWithNumber(master, openPeer, flags | closeOnExec)
    makeRaw(slave)
    return { master, slave }
  } catch (error) {
    closeSync(master)
    throw error
  }
}

/** Clears the flags that cfmakeraw(3) clears. The kernel's struct termios: four words of flags, then the characters. */
function makeRaw(terminal: number): void {
  const attributes = Buffer.alloc(64)
  ioctlWithMemory(terminal, getAttributes, attributes)
  const input = attributes.readUInt32LE(0)
  const output = attributes.readUInt32LE(4)
  const control = attributes.readUInt32LE(8)
  const local = attributes.readUInt32LE(12)
  attributes.writeUInt32LE((input & ~0o2753) >>> 0, 0)
  attributes.writeUInt32LE((output & ~0o1) >>> 0, 4)
  attributes.writeUInt32LE(((control & ~0o460) | 0o60) >>> 0, 8)
  attributes.writeUInt32LE((local & ~0o100113) >>> 0, 12)
  ioctlWithMemory(terminal, setAttributes, attributes)
}

/** Tells a terminal how many columns and rows its window has. */
export function resizeTerminal(terminal: number, columns: number, rows: number): void {
  const size = Buffer.alloc(8)
  size.writeUInt16LE(Math.min(rows, 0xffff), 0)
  size.writeUInt16LE(Math.min(columns, 0xffff), 2)
  ioctlWithMemory(terminal, setWindowSize, size)
}
