import { chmod, chown, realpath, stat } from 'node:fs/promises'
import { SyscallError } from './native.ts'
import { makeNode } from './syscalls.ts'

/** A device as the kernel knows it: its kind and its two numbers. */
export interface DeviceNumber {
  readonly kind: 'char' | 'block'
  readonly major: number
  readonly minor: number
}

/** Who may use a device node: ids of the host. */
export interface NodeAccess {
  readonly mode: number
  readonly uid: number
  readonly gid: number
}

/** Device nodes of the host. */
export interface DeviceNodes {
  /**
   * The device at a path of /dev, links followed as far as they stay there; `none` for something else. Undefined
   * where nothing is there.
   */
  read(path: string): Promise<DeviceNumber | 'none' | undefined>
  /** Makes a node where nothing is yet. */
  make(path: string, device: DeviceNumber, access: NodeAccess): Promise<void>
}

/** The nodes of this host. */
export const hostDeviceNodes: DeviceNodes = {
  async read(path) {
    try {
      const real = await realpath(path)
      if (!real.startsWith('/dev/')) return 'none'
      const found = await stat(real, { bigint: true })
      if (!found.isCharacterDevice() && !found.isBlockDevice()) return 'none'
      return { kind: found.isBlockDevice() ? 'block' : 'char', ...numbersOf(found.rdev) }
    } catch (error) {
      const { code } = error as NodeJS.ErrnoException
      if (code === 'ENOENT' || code === 'ENOTDIR') return undefined
      throw error
    }
  },

  async make(path, device, { mode, uid, gid }) {
    try {
      // Closed until it belongs to whom it is for.
      makeNode(path, device)
    } catch (error) {
      if (error instanceof SyscallError && error.code === 'EPERM') {
        throw new Error('Cannot make device nodes: this host does not let us', { cause: error })
      }
      throw error
    }
    await chown(path, uid, gid)
    await chmod(path, mode)
  },
}

/** Takes a device number apart as makedev(3) of glibc puts it together. */
function numbersOf(device: bigint): { major: number; minor: number } {
  const major = ((device >> 8n) & 0xfffn) | ((device >> 32n) & 0xfffff000n)
  const minor = (device & 0xffn) | ((device >> 12n) & 0xffffff00n)
  return { major: Number(major), minor: Number(minor) }
}
