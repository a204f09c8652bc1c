import assert from 'node:assert/strict'
import { execFileSync } from 'node:child_process'
import { closeSync, mkdirSync, openSync, readdirSync, statfsSync, writeSync } from 'node:fs'
import { writeFile, mkdir } from 'node:fs/promises'
import { join } from 'node:path'
import { after, test } from 'node:test'
import { silentLog } from '#base/log.ts'
import type { IdMap } from '#base/idmap.ts'
import { Undo } from '#base/undo.ts'
import { Events } from '#events/events.ts'
import { realMounts } from '#host/mounts.ts'
import { run } from '#host/run.ts'
import { withCredentials } from '#host/syscalls.ts'
import { realUserNamespaces } from '#host/user-namespaces.ts'
import type { ImageTree } from '#storage/driver.ts'
import { storageDrivers } from '#storage/drivers/all.ts'
import { Pools } from '#storage/pools.ts'
import { openSqliteStore } from '#store/sqlite.ts'
import { enterSandbox } from '../sandbox.ts'

enterSandbox(import.meta)

const disk = '/mnt'
const image = '/var/cache/lxd/disk.img'
execFileSync('truncate', ['-s', '128M', image])
execFileSync('mke2fs', ['-q', '-t', 'ext4', '-m', '25', image])
execFileSync('mount', ['-o', 'loop', image, disk])
after(() => execFileSync('umount', ['--lazy', disk]))

mkdirSync('/var/lib/lxd/containers')
mkdirSync('/var/lib/lxd/storage-pools')
const mounts = realMounts(realUserNamespaces())
const drivers = storageDrivers({ mounts, run, log: silentLog, trialDirectory: '/var/lib/lxd/storage-pools' })
const pools = new Pools({
  store: openSqliteStore(':memory:'),
  events: new Events({ log: silentLog }),
  drivers,
  directory: '/var/lib/lxd',
  log: silentLog,
  imageTree: () => small,
})
const map: IdMap = [{ kind: 'both', inside: 0, host: 100_000, count: 65_536 }]

function tree(fingerprint: string, megabytes: number): ImageTree {
  return {
    fingerprint: fingerprint.repeat(64),
    async unpack(directory) {
      await mkdir(join(directory, 'rootfs'))
      for (let at = 0; at < megabytes; at++)
        await writeFile(join(directory, 'rootfs', `${at}`), Buffer.alloc(1 << 20, 1))
    },
  }
}

const small = tree('a', 1)
const huge = tree('b', 500)

function available(): number {
  execFileSync('sync')
  const { bavail, bsize } = statfsSync(disk)
  return bavail * bsize
}

function fill(path: string): void {
  const file = openSync(path, 'w')
  try {
    for (;;) writeSync(file, Buffer.alloc(1 << 20, 1))
  } catch (error) {
    assert.equal((error as NodeJS.ErrnoException).code, 'ENOSPC')
  } finally {
    closeSync(file)
  }
}

for (const { name } of drivers) {
  test(`an image that does not fit in a pool of the driver ${name} leaves the space it took`, async () => {
    const source = join(disk, name)
    mkdirSync(source)
    await pools.create({ name, driver: name, description: '', config: { source } })
    const before = available()
    const owner = { project: 'default', name: 'c1', pool: name }
    await using undo = new Undo((what, error) => assert.fail(`${what}: ${String(error)}`))

    await assert.rejects(pools.createInstanceVolume(owner, huge, { undo }), {
      message: `No space is left in storage pool "${name}"`,
    })

    assert.ok(before - available() < 1 << 20, 'the space is not given back')
    assert.deepEqual(readdirSync(join(source, '.scratch')), [])
    await pools.createInstanceVolume(owner, small, { undo })
    await pools.deleteInstanceVolume(owner)
    await pools.delete(name)
    assert.deepEqual(readdirSync(source), [])
  })
}

test('a guest on an overlay can not use the space that the file system keeps for root', async () => {
  const source = join(disk, 'reserve')
  mkdirSync(source)
  await pools.create({ name: 'reserve', driver: 'overlay', description: '', config: { source } })
  const owner = { project: 'default', name: 'c1', pool: 'reserve' }
  await using undo = new Undo((what, error) => assert.fail(`${what}: ${String(error)}`))
  await pools.createInstanceVolume(owner, small, { undo })
  const { rootfs } = await pools.mountInstance(owner, map)

  withCredentials({ uid: 100_000, gid: 100_000 }, [], () => fill(join(rootfs.replace('dir:', ''), 'big')))

  execFileSync('sync')
  const { bfree, bavail, blocks, bsize } = statfsSync(disk)
  assert.ok(bavail * bsize < 4 << 20, `${bavail} blocks are left to use`)
  assert.ok(bfree > blocks / 5, `${bfree} of ${blocks} blocks are free`)
  await pools.unmountInstance(owner)
  await pools.deleteInstanceVolume(owner)
  await pools.delete('reserve')
})
