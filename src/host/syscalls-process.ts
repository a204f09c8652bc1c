import { closeSync, constants, openSync } from 'node:fs'
import { libc, syscall } from './native.ts'

const pipe2 = libc('int pipe2(int *descriptors, int flags)')
const fchown = libc('int fchown(int descriptor, unsigned int user, unsigned int group)')
const tgkill = libc('int tgkill(int process, int thread, int signal)')
const ioctlWithNumber = libc('int ioctl(int descriptor, unsigned long request, int argument)')
const ioctlWithMemory = libc('int ioctl(int descriptor, unsigned long request, void *argument)')
const pidfdOpen = syscall('pidfd_open', 434, ['int', 'unsigned int'])
const pidfdSendSignal = syscall('pidfd_send_signal', 424, ['int', 'int', 'void *', 'unsigned int'])

const pidfdGetfd = syscall('pidfd_getfd', 438, ['int', 'int', 'unsigned int'])
const closeRange = syscall('close_range', 436, ['unsigned int', 'unsigned int', 'unsigned int'])

const closeOnExec = 0o2_000_000
const closeRangeCloseOnExec = 4

/**
 * Keeps what this process itself was started with, beyond the standard streams, from the programs it starts: sockets
 * of a service manager, whatever a shell had open. See close_range(2).
 */
export function keepDescriptors(): void {
  closeRange(3, 0xffff_ffff, closeRangeCloseOnExec)
}

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

/** Sends a signal to the first thread of a process of ours that has not been waited for. See tgkill(2). */
export function signalFirstThread(pid: number, signal: number): void {
  tgkill(pid, pid, signal)
}

/** A copy of a descriptor of another process. See pidfd_getfd(2). */
export function copyDescriptor(pid: number, descriptor: number): number {
  const pidfd = openProcess(pid)
  try {
    return pidfdGetfd(pidfd, descriptor, 0)
  } finally {
    closeSync(pidfd)
  }
}

// ioctl_tty(2)
const setWindowSize = 0x5414
const getAttributes = 0x5401
const setAttributes = 0x5402
const setFlow = 0x540a
const setLock = 0x40045431
const openPeer = 0x5441

/** The two ends of a new terminal, in raw mode: what is written to one is read from the other, unchanged. */
export function openTerminal(): { readonly master: number; readonly slave: number } {
  const flags = constants.O_RDWR | constants.O_NOCTTY
  const master = openSync('/dev/ptmx', flags)
  try {
    ioctlWithMemory(master, setLock, Buffer.alloc(4))
    const slave = ioctlWithNumber(master, openPeer, flags | closeOnExec)
    makeTerminalRaw(master)
    return { master, slave }
  } catch (error) {
    closeSync(master)
    throw error
  }
}

/** Gives the slave of a terminal, by its master, to a user and a group. */
export function changeTerminalOwner(master: number, user: number, group: number): void {
  const slave = ioctlWithNumber(master, openPeer, constants.O_RDWR | constants.O_NOCTTY | closeOnExec)
  try {
    changeOwner(slave, user, group)
  } finally {
    closeSync(slave)
  }
}

// termios(3). The kernel's struct termios: words of flags for input, output, control and local modes, then characters.
const postprocessOutput = 0o1
const ignoredInput = 0o2753
const characterSize = 0o60
const parity = 0o400
const localModes = 0o100113

/** Whether what is written to the slave is changed on its way, as raw mode does not. Ask the master. */
export function postprocesses(terminal: number): boolean {
  return (readAttributes(terminal).readUInt32LE(4) & postprocessOutput) !== 0
}

/** Does what cfmakeraw(3) does. */
export function makeTerminalRaw(terminal: number): void {
  const attributes = readAttributes(terminal)
  const change = (at: number, clear: number, set = 0) =>
    attributes.writeUInt32LE(((attributes.readUInt32LE(at) & ~clear) | set) >>> 0, at)
  change(0, ignoredInput)
  change(4, postprocessOutput)
  change(8, characterSize | parity, characterSize)
  change(12, localModes)
  ioctlWithMemory(terminal, setAttributes, attributes)
}

function readAttributes(terminal: number): Buffer {
  const attributes = Buffer.alloc(64)
  ioctlWithMemory(terminal, getAttributes, attributes)
  return attributes
}

/** Holds back what is written to the slave, or lets it pass. */
export function holdOutput(slave: number, hold: boolean): void {
  ioctlWithNumber(slave, setFlow, hold ? 0 : 1)
}

/** Tells a terminal how many columns and rows its window has. */
export function resizeTerminal(terminal: number, columns: number, rows: number): void {
  const size = Buffer.alloc(8)
  size.writeUInt16LE(Math.min(rows, 0xffff), 0)
  size.writeUInt16LE(Math.min(columns, 0xffff), 2)
  ioctlWithMemory(terminal, setWindowSize, size)
}
