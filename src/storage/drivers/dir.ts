import { mkdir } from 'node:fs/promises'
import { join } from 'node:path'
import { defineStorageDriver } from '../driver.ts'
import { Directories, checkRootfs, directoryPoolKeys } from './directories.ts'
import type { DriverHost } from './scratch.ts'

/** The driver `dir`: each volume is a directory of its own. */
export function dirDriver(host: DriverHost) {
  const directories = new Directories(host)
  return defineStorageDriver({
    name: 'dir',
    doc: 'Volumes are directories on a file system of the host, each a full copy of its image.',
    remote: false,
    poolKeys: directoryPoolKeys,
    volumeKeys: {},
    version: () => Promise.resolve('1'),

    checkNewPool: (pool) => directories.checkNewPool(pool),
    createPool: (pool, undo) => directories.createPool(pool, undo),
    deletePool: (pool) => directories.deletePool(pool),
    mountPool: (pool, known) => directories.mountPool(pool, known),
    settle: (pool) => directories.scratch(pool).idle(),
    unmountPool: (pool) => directories.unmountPool(pool),
    usage: (pool) => directories.usage(pool),

    createVolume: (pool, volume, source, work) =>
      directories.createVolume(pool, volume, async (directory) => {
        if (source) await source.unpack(directory, work)
        else await mkdir(join(directory, 'rootfs'), { mode: 0o755 })
        await checkRootfs(directory)
      }),
    deleteVolume: (pool, volume) => directories.deleteVolume(pool, volume),
    renameVolume: (pool, volume, name) => directories.renameVolume(pool, volume, name),

    // liblxc maps the ids itself, in a mount that nobody but the container sees.
    mountVolume: (pool, volume, map) =>
      Promise.resolve({
        rootfs: `dir:${directories.volume(pool, volume)}/rootfs`,
        path: `${directories.volume(pool, volume)}/rootfs`,
        lxc: map.length === 0 ? [] : [['lxc.rootfs.options', 'idmap=container']],
      }),
    unmountVolume: () => Promise.resolve(),
    volumeUsage: () => Promise.resolve(undefined),

    mountedVolumes: () => Promise.resolve([]),
    images: () => Promise.resolve([]),
    deleteImage: () => Promise.resolve(),
  })
}
