/**
 * System calls of the file system and mount kind that Node has no function for, one function each, with names and
 * meaning of section 2 of the manual. All throw a SyscallError.
 *
 * Calls on paths that a guest or a network can hold up have a `later` form on another thread; nothing else here blocks.
 */
import { closeSync, readSync } from 'node:fs'
import { constants } from 'node:os'
import { SyscallError, libc, syscall } from './native.ts'
import type { Syscall } from './native.ts'

/** A file descriptor that is closed at the end of its scope. */
export class Descriptor implements Disposable {
  readonly number: number
  #open = true

  constructor(number: number) {
    this.number = number
  }

  /** A path that stands for the open file, for calls that take no descriptor. */
  get path(): string {
    return `/proc/self/fd/${this.number}`
  }

  [Symbol.dispose](): void {
    if (this.#open) closeSync(this.number)
    this.#open = false
  }
}

/** The directory a relative path starts from: the current one. */
export const atCwd = -100

export const openFlags = {
  cloexec: 0o2000000,
  create: 0o100,
  exclusive: 0o200,
  directory: 0o200000,
  nofollow: 0o400000,
  path: 0o10000000,
} as const

/** How openat2(2) walks a path. */
export const resolveFlags = {
  noXdev: 0x01,
  noMagiclinks: 0x02,
  noSymlinks: 0x04,
  beneath: 0x08,
  inRoot: 0x10,
} as const

const openat2Call = syscall('openat2', 437, ['int', 'const char *', 'void *', 'size_t'], 1)

/** Opens `path` below `directory` under the restrictions of `resolve` (openat2(2)). */
export function openat2(
  directory: number,
  path: string,
  how: { readonly flags: number; readonly mode?: number; readonly resolve: number },
): Descriptor {
  const struct = Buffer.alloc(24)
  struct.writeBigUInt64LE(BigInt(how.flags | openFlags.cloexec), 0)
  struct.writeBigUInt64LE(BigInt(how.mode ?? 0), 8)
  struct.writeBigUInt64LE(BigInt(how.resolve), 16)
  return new Descriptor(openat2Call(directory, path, struct, struct.length))
}

/**
 * Opens what is at `path` below `directory`, on another thread, and on the way there leaves that directory nowhere: not
 * by `..`, an absolute link, or a link of /proc. An empty path is the directory itself.
 */
export async function openBelowLater(directory: Descriptor, path: string): Promise<Descriptor> {
  const struct = Buffer.alloc(24)
  struct.writeBigUInt64LE(BigInt(openFlags.path | openFlags.cloexec), 0)
  struct.writeBigUInt64LE(BigInt(resolveFlags.beneath | resolveFlags.noMagiclinks), 16)
  return new Descriptor(await openat2Call.later(directory.number, path || '.', struct, struct.length))
}

const mkdiratCall = libc('int mkdirat(int directory, const char *path, unsigned int mode)', 1)

export function mkdirat(directory: number, path: string, mode: number): void {
  mkdiratCall(directory, path, mode)
}

const mknodCall = libc('int mknod(const char *path, unsigned int mode, unsigned long device)', 0)

/** Makes a device node that nobody may use yet (mknod(2)). */
export function makeNode(
  path: string,
  { kind, major, minor }: { readonly kind: 'char' | 'block'; readonly major: number; readonly minor: number },
): void {
  const [high, low] = [BigInt(major), BigInt(minor)]
  // makedev(3): both numbers are in two parts.
  const number = ((high & 0xfffff000n) << 32n) | ((high & 0xfffn) << 8n) | ((low & 0xffffff00n) << 12n) | (low & 0xffn)
  mknodCall(path, kind === 'block' ? 0o60000 : 0o20000, number)
}

const syncfsCall = libc('int syncfs(int descriptor)')

/** Writes all of a file system's dirty data to disk (syncfs(2)); takes as long as that takes, on another thread. */
export async function syncfs(descriptor: number): Promise<void> {
  await syncfsCall.later(descriptor)
}

const fchdirCall = libc('int fchdir(int descriptor)')

/** Makes an open directory the current one of the process. */
export function fchdir(directory: Descriptor): void {
  fchdirCall(directory.number)
}

// --- mounts ----------------------------------------------------------------------------------------------------------

const atEmptyPath = 0x1000
const atRecursive = 0x8000
const openTreeClone = 1

const openTreeCall = syscall('open_tree', 428, ['int', 'const char *', 'unsigned int'], 1)

/** A detached copy of the mount at `path`, with the mounts below it if `recursive` (open_tree(2)). */
export function cloneMount(path: string, options: { readonly recursive?: boolean } = {}): Descriptor {
  return new Descriptor(openTreeCall(atCwd, path, cloneFlags(options.recursive)))
}

/** {@link cloneMount} on another thread, for paths that may be slow to reach. */
export async function cloneMountLater(
  path: string,
  options: { readonly recursive?: boolean } = {},
): Promise<Descriptor> {
  return new Descriptor(await openTreeCall.later(atCwd, path, cloneFlags(options.recursive)))
}

/** The same of the file or directory that is open. */
export function cloneOpenMount(of: Descriptor, options: { readonly recursive?: boolean } = {}): Descriptor {
  return new Descriptor(openTreeCall(of.number, '', cloneFlags(options.recursive) | atEmptyPath))
}

function cloneFlags(recursive = false): number {
  return openTreeClone | openFlags.cloexec | (recursive ? atRecursive : 0)
}

/** Attributes of a mount (mount_setattr(2)). */
export const mountAttributes = {
  readonly: 0x1,
  nosuid: 0x2,
  nodev: 0x4,
  noexec: 0x8,
  /** The bits that hold how access times are kept; `relatime` is none of them set. */
  atime: 0x70,
  noatime: 0x10,
  strictatime: 0x20,
  nodiratime: 0x80,
  idmap: 0x100000,
  nosymfollow: 0x200000,
} as const

/** How a mount takes part in what happens in other mount namespaces (mount_namespaces(7)). */
export const propagations = { private: 1 << 18, slave: 1 << 19, shared: 1 << 20, unbindable: 1 << 17 } as const

export interface MountChange {
  /** Bits of {@link mountAttributes}. */
  readonly set?: number
  readonly clear?: number
  /** One of {@link propagations}. */
  readonly propagation?: number
  /** A user namespace whose map the mount gets: the mount must be detached and have no map yet. */
  readonly userNamespace?: number
  readonly recursive?: boolean
}

const mountSetattrCall = syscall('mount_setattr', 442, ['int', 'const char *', 'unsigned int', 'void *', 'size_t'])

/** Changes the mount that `mount` is open on (mount_setattr(2)). */
export function changeMount(mount: number, change: MountChange): void {
  const struct = Buffer.alloc(32)
  const idmap = change.userNamespace === undefined ? 0 : mountAttributes.idmap
  struct.writeBigUInt64LE(BigInt((change.set ?? 0) | idmap), 0)
  struct.writeBigUInt64LE(BigInt(change.clear ?? 0), 8)
  struct.writeBigUInt64LE(BigInt(change.propagation ?? 0), 16)
  struct.writeBigUInt64LE(BigInt(change.userNamespace ?? 0), 24)
  mountSetattrCall(mount, '', atEmptyPath | (change.recursive ? atRecursive : 0), struct, struct.length)
}

const moveMountCall = syscall('move_mount', 429, ['int', 'const char *', 'int', 'const char *', 'unsigned int'], 3)
const moveFromEmptyPath = 0x04
const moveToEmptyPath = 0x40

/** Attaches a detached mount at `path`, or on the file or directory open as `path` (move_mount(2)). */
export function attachMount(mount: number, path: string | Descriptor): void {
  if (typeof path === 'string') moveMountCall(mount, '', atCwd, path, moveFromEmptyPath)
  else moveMountCall(mount, '', path.number, '', moveFromEmptyPath | moveToEmptyPath)
}

const umount2Call = libc('int umount2(const char *path, int flags)', 0)

/** umount2(2), on another thread: the last unmount of a file system writes what it holds. */
export async function umount(path: string, options: { readonly detach?: boolean } = {}): Promise<void> {
  await umount2Call.later(path, umountFlags(options.detach))
}

/** umount2(2) on this thread, which must not be the daemon's unless the mount is one that holds nothing. */
export function umountSync(path: string, options: { readonly detach?: boolean } = {}): void {
  umount2Call(path, umountFlags(options.detach))
}

function umountFlags(detach = false): number {
  const noFollow = 8
  return noFollow | (detach ? 2 : 0)
}

// --- file systems ----------------------------------------------------------------------------------------------------

const fsopenCall = syscall('fsopen', 430, ['const char *', 'unsigned int'], 0)
const fsconfigCall = syscall('fsconfig', 431, ['int', 'unsigned int', 'const char *', 'const char *', 'int'], 2)
const fsmountCall = syscall('fsmount', 432, ['int', 'unsigned int', 'unsigned int'])

const setString = 1
const setDescriptor = 5
const create = 6

/** A file system being configured before it is mounted (fsopen(2), fsconfig(2), fsmount(2)). */
export class FileSystemContext implements Disposable {
  readonly #context: Descriptor

  constructor(type: string) {
    this.#context = new Descriptor(fsopenCall(type, 1))
  }

  set(key: string, value: string | Descriptor): void {
    if (typeof value === 'string') this.#explained(() => fsconfigCall(this.#context.number, setString, key, value, 0))
    else this.#explained(() => fsconfigCall(this.#context.number, setDescriptor, key, null, value.number))
  }

  /** Makes the file system, with the credentials the thread has now, and a detached mount of it. */
  mount(attributes = 0): Descriptor {
    this.#explained(() => fsconfigCall(this.#context.number, create, null, null, 0))
    return new Descriptor(this.#explained(() => fsmountCall(this.#context.number, 1, attributes)))
  }

  [Symbol.dispose](): void {
    this.#context[Symbol.dispose]()
  }

  #explained(call: () => number): number {
    try {
      return call()
    } catch (error) {
      const says = this.#messages()
      throw says === '' || !(error instanceof SyscallError) ? error : new SyscallError(error.syscall, error.errno, says)
    }
  }

  /** What the kernel has to say about the last failure: one line a read, until there is none. */
  #messages(): string {
    const lines: string[] = []
    const buffer = Buffer.alloc(1024)
    try {
      while (lines.length < 5) lines.push(buffer.toString('utf8', 0, readSync(this.#context.number, buffer)).trim())
    } catch {
      // ENODATA: that was all.
    }
    return lines.join('; ')
  }
}

// --- credentials -----------------------------------------------------------------------------------------------------

const setfsuidCall = libc('unsigned int setfsuid(unsigned int id)')
const setfsgidCall = libc('unsigned int setfsgid(unsigned int id)')
const capgetCall = libc('int capget(void *header, void *data)')
const capsetCall = libc('int capset(void *header, void *data)')

/** Capabilities by number (capabilities(7)). */
export const capabilities = {
  chown: 0,
  dacOverride: 1,
  dacReadSearch: 2,
  fowner: 3,
  fsetid: 4,
  setgid: 6,
  setuid: 7,
  sysAdmin: 21,
  mknod: 27,
  setfcap: 31,
} as const

function capabilityHeader(): Buffer {
  const version3 = 0x20080522
  const header = Buffer.alloc(8)
  header.writeUInt32LE(version3, 0)
  return header
}

/**
 * Runs `work` with the given file system ids and exactly the given effective capabilities, then takes both back.
 *
 * Credentials belong to the thread, and everything else the daemon does runs on the same one: `work` is synchronous
 * and the ids are its own as long as it runs. Asynchronous work started inside runs with the daemon's.
 */
export function withCredentials<T>(
  ids: { readonly uid: number; readonly gid: number },
  effective: readonly number[],
  work: () => T extends Promise<unknown> ? never : T,
): T {
  const before = Buffer.alloc(24)
  capgetCall(capabilityHeader(), before)
  const during = Buffer.from(before)
  let mask = 0n
  for (const capability of effective) mask |= 1n << BigInt(capability)
  during.writeUInt32LE(Number(mask & 0xffffffffn), 0)
  during.writeUInt32LE(Number(mask >> 32n), 12)
  try {
    changeTo(setfsgidCall, ids.gid)
    changeTo(setfsuidCall, ids.uid)
    // After the ids: leaving uid 0 drops the file capabilities.
    capsetCall(capabilityHeader(), during)
    return work()
  } finally {
    setfsuidCall(0)
    setfsgidCall(0)
    capsetCall(capabilityHeader(), before)
  }
}

/** Leaves this thread these capabilities and no others, for good. */
export function keepCapabilities(kept: readonly number[]): void {
  let mask = 0n
  for (const capability of kept) mask |= 1n << BigInt(capability)
  const sets = Buffer.alloc(24)
  for (const at of [0, 4]) {
    sets.writeUInt32LE(Number(mask & 0xffffffffn), at)
    sets.writeUInt32LE(Number(mask >> 32n), at + 12)
  }
  capsetCall(capabilityHeader(), sets)
}

/** These calls do not tell whether they worked: both answer the id from before. An id of -1 changes nothing. */
function changeTo(call: Syscall, id: number): void {
  call(id)
  if (call(0xffffffff) !== id) throw new SyscallError('setfsuid', constants.errno.EPERM, String(id))
}

// --- namespaces ------------------------------------------------------------------------------------------------------

const unshareCall = libc('int unshare(int flags)')
const setnsCall = libc('int setns(int descriptor, int flags)')
const cloneFs = 0x200
const cloneNewNs = 0x20000

/** Moves this thread into another mount namespace. Only for processes of their own, before they use any other thread. */
export function enterMountNamespace(namespace: number): void {
  unshareCall(cloneFs)
  setnsCall(namespace, cloneNewNs)
}

const cloneNewNet = 0x40000000

/** Moves this thread into another network namespace: sockets it makes from now on are there. */
export function enterNetworkNamespace(namespace: number): void {
  setnsCall(namespace, cloneNewNet)
}
