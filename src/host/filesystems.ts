import { statfs } from 'node:fs/promises'

/** How much room a file system has, in bytes. */
export interface FilesystemUsage {
  readonly type: string
  readonly size: number
  readonly free: number
  /** What of it others than root may use. */
  readonly available: number
}

/** The names of file systems by the number that statfs(2) gives for them. */
const types: ReadonlyMap<number, string> = new Map([
  [0xef53, 'ext4'],
  [0x9123683e, 'btrfs'],
  [0x58465342, 'xfs'],
  [0x01021994, 'tmpfs'],
  [0x2fc12fc1, 'zfs'],
  [0xf2f52010, 'f2fs'],
  [0x794c7630, 'overlayfs'],
])

/** The file system that `path` is on. */
export async function readFilesystem(path: string): Promise<FilesystemUsage> {
  const { type, bsize, blocks, bfree, bavail } = await statfs(path)
  return {
    type: types.get(type) ?? `0x${type.toString(16)}`,
    size: blocks * bsize,
    free: bfree * bsize,
    available: bavail * bsize,
  }
}
