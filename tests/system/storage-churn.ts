// Makes, mounts, renames and deletes volumes until it is killed, and writes to a journal what a store would be told.
import assert from 'node:assert/strict'
import { appendFileSync, existsSync } from 'node:fs'
import { mkdir, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { silentLog } from '#base/log.ts'
import { Undo } from '#base/undo.ts'
import { realMounts } from '#host/mounts.ts'
import { run } from '#host/run.ts'
import { realUserNamespaces } from '#host/user-namespaces.ts'
import type { ImageTree } from '#storage/driver.ts'
import { storageDrivers } from '#storage/drivers/all.ts'

const [driverName, poolName = '', journal = '', ...names] = process.argv.slice(2)
const pools = '/var/lib/lxd/storage-pools'
const host = { mounts: realMounts(realUserNamespaces()), run, log: silentLog, trialDirectory: pools }
const driver = storageDrivers(host).find(({ name }) => name === driverName)
assert.ok(driver)
const pool = { name: poolName, config: {}, directory: join(pools, poolName) }
const image: ImageTree = {
  fingerprint: 'a'.repeat(64),
  async unpack(directory) {
    await mkdir(join(directory, 'rootfs/etc'), { recursive: true })
    for (let file = 0; file < 20; file++)
      await writeFile(join(directory, 'rootfs/etc', `file${file}`), 'x'.repeat(4096))
    await writeFile(join(directory, 'rootfs/etc/hostname'), 'image\n')
  },
}
const ready = new Set(names)
await driver.mountPool(pool, { volumes: ready, images: new Map([[image.fingerprint, image]]) })
appendFileSync(journal, 'begin\n')

const say = (...words: string[]) => appendFileSync(journal, `${words.join(' ')}\n`)
const undo = new Undo(() => {})
for (let turn = 0; existsSync(journal); turn++) {
  const name = `c${process.pid}-${turn}`
  const volume = { project: 'default', type: 'container', name } as const
  say('creating', name)
  await driver.createVolume(pool, volume, image, { undo })
  say('ready', name)
  ready.add(name)
  await driver.mountVolume(pool, volume, [{ kind: 'both', inside: 0, host: 100_000, count: 65_536 }])
  if (turn % 2 === 0) await driver.unmountVolume(pool, volume)
  if (turn % 3 === 0) {
    await driver.unmountVolume(pool, volume)
    await driver.renameVolume(pool, volume, `${name}-renamed`)
    say('renamed', name, `${name}-renamed`)
    ready.delete(name)
    ready.add(`${name}-renamed`)
  }
  while (ready.size > 4) {
    const [oldest = ''] = ready
    say('deleting', oldest)
    await driver.deleteVolume(pool, { ...volume, name: oldest })
    say('deleted', oldest)
    ready.delete(oldest)
  }
}
