import assert from 'node:assert/strict'
import { execFileSync, spawn } from 'node:child_process'
import { once } from 'node:events'
import {
  existsSync,
  lstatSync,
  mkdirSync,
  readFileSync,
  readdirSync,
  renameSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs'
import { chmod, chown, mkdir, symlink, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import test, { describe } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import type { IdMap } from '#base/idmap.ts'
import { silentLog } from '#base/log.ts'
import { Undo } from '#base/undo.ts'
import { realMounts } from '#host/mounts.ts'
import { run } from '#host/run.ts'
import { withCredentials } from '#host/syscalls.ts'
import { realUserNamespaces } from '#host/user-namespaces.ts'
import { nameOnDisk } from '#storage/driver.ts'
import type { ImageTree, KnownContent, Pool, StorageDriver, Volume } from '#storage/driver.ts'
import { storageDrivers } from '#storage/drivers/all.ts'
import { overlayDriver } from '#storage/drivers/overlay.ts'
import { enterSandbox } from '../sandbox.ts'

enterSandbox(import.meta)

const namespaces = realUserNamespaces()
const mounts = realMounts(namespaces)
const pools = '/var/lib/lxd/storage-pools'
mkdirSync(pools, { recursive: true })
const host = { mounts, run, log: silentLog, trialDirectory: pools }
const fresh = () => storageDrivers(host)
const older = overlayDriver({ ...host, mounts: realMounts(namespaces, { attachLayers: true }) })

const map: IdMap = [{ kind: 'both', inside: 0, host: 100_000, count: 65_536 }]
const otherMap: IdMap = [{ kind: 'both', inside: 0, host: 300_000, count: 65_536 }]
const nothing: KnownContent = { volumes: new Set(), images: new Map() }

let unpacked = 0
/** An image with a file of root's, one of user 1000's and a set-uid program. */
const image: ImageTree = {
  fingerprint: 'a'.repeat(64),
  async unpack(directory) {
    unpacked++
    await mkdir(join(directory, 'rootfs/etc'), { recursive: true })
    await mkdir(join(directory, 'rootfs/home/user'), { recursive: true })
    await mkdir(join(directory, 'templates'))
    await writeFile(join(directory, 'metadata.yaml'), 'architecture: x86_64\n')
    await writeFile(join(directory, 'templates/hostname.tpl'), '{{ container.name }}\n')
    await symlink('/etc/shadow', join(directory, 'templates/link.tpl'))
    await writeFile(join(directory, 'rootfs/etc/hostname'), 'image\n')
    await writeFile(join(directory, 'rootfs/home/user/mine'), 'mine\n')
    await chown(join(directory, 'rootfs/home/user'), 1000, 1000)
    await chown(join(directory, 'rootfs/home/user/mine'), 1000, 1000)
    await writeFile(join(directory, 'rootfs/su'), '#!/bin/sh\n')
    await chmod(join(directory, 'rootfs/su'), 0o4755)
  },
}
const known = (...names: string[]): KnownContent => ({
  volumes: new Set(names),
  images: new Map([[image.fingerprint, image]]),
})

function volume(name: string, project = 'default'): Volume {
  return { project, type: 'container', name }
}

function undo(): Undo {
  return new Undo((what, error) => assert.fail(`cannot ${what}: ${String(error)}`))
}

async function create(driver: StorageDriver, pool: Pool, name: string, source?: ImageTree): Promise<void> {
  await using steps = undo()
  await driver.createVolume(pool, volume(name), source, { undo: steps })
  steps.keep()
}

async function createPool(driver: StorageDriver, config: Record<string, string> = {}): Promise<Pool> {
  const name = `${driver.name}-${Math.random().toString(36).slice(2)}`
  const pool = { name, config, directory: join(pools, name) }
  await driver.checkNewPool(pool)
  await using steps = undo()
  await driver.createPool(pool, steps)
  steps.keep()
  await driver.mountPool(pool, known())
  await driver.settle(pool)
  return pool
}

/** Does something as root of a container with the map, in the container's root, without the host's powers. */
async function inside<T>(
  { driver, pool, name, as = map }: { driver: StorageDriver; pool: Pool; name: string; as?: IdMap },
  work: (root: string) => T,
): Promise<T> {
  const { rootfs, lxc } = await driver.mountVolume(pool, volume(name), as)
  const uid = as[0]?.host ?? 0
  const path = rootfs.replace(/^dir:/, '')
  const seen = lxc.some(([key, value]) => key === 'lxc.rootfs.options' && value === 'idmap=container')
    ? mkdirSync(`/tmp/seen-${Math.random()}`, { recursive: true })
    : undefined
  // What liblxc does for `idmap=container`.
  if (seen !== undefined) await mounts.bind(path, seen, { map: as })
  try {
    return withCredentials({ uid, gid: uid }, [], () => work(seen ?? path) as never)
  } finally {
    if (seen !== undefined) await mounts.unmount(seen)
    await driver.unmountVolume(pool, volume(name))
  }
}

function tree(directory: string): string[] {
  return execFileSync('find', [directory, '-mindepth', '1', '-printf', '%P %m\n'], { encoding: 'utf8' })
    .trim()
    .split('\n')
    .sort()
}

function mountsBelow(directory: string): string[] {
  return readFileSync('/proc/self/mountinfo', 'utf8')
    .split('\n')
    .filter((line) => line.includes(` ${directory}`))
}

const kinds: readonly [string, StorageDriver][] = [
  ...fresh().map((driver): [string, StorageDriver] => [driver.name, driver]),
  ['overlay, on older kernels', older],
]
for (const [kind, driver] of kinds) {
  describe(`storage driver ${kind}`, () => {
    test('works on this host', async () => {
      assert.ok(await driver.version())
      assert.deepEqual(readdirSync(pools), [])
    })

    test('a pool has the folders of LXD, closed to everybody else', async () => {
      const pool = await createPool(driver)
      assert.deepEqual(tree(pool.directory), [
        '.scratch 700',
        'containers 711',
        'containers-snapshots 700',
        'custom 700',
        'custom-snapshots 700',
        'images 700',
        'virtual-machines 700',
        'virtual-machines-snapshots 700',
      ])
      const { space, inodes } = await driver.usage(pool)
      assert.ok(space.total > space.used && inodes.total > inodes.used)
      await driver.deletePool(pool)
      await driver.deletePool(pool)
      assert.equal(existsSync(pool.directory), false)
    })

    test('a pool in a directory of the host is given back as it was', async () => {
      const source = '/var/cache/lxd/source'
      mkdirSync(source)
      const pool = await createPool(driver, { source })
      await create(driver, pool, 'c1', image)
      assert.ok(existsSync(join(source, 'containers/c1')))

      await driver.settle(pool)
      await driver.unmountPool(pool)
      assert.deepEqual(readdirSync(pool.directory), [])
      await driver.mountPool(pool, known('c1'))
      assert.ok(existsSync(join(pool.directory, 'containers/c1')))

      await driver.deletePool(pool)
      assert.deepEqual(readdirSync(source), [])
      writeFileSync(join(source, 'containers'), 'not ours')
      await driver.deletePool(pool)
      assert.deepEqual(readdirSync(source), ['containers'])
      rmSync(source, { recursive: true })
    })

    test('a source that is no empty directory is refused, and nothing is left', async () => {
      mkdirSync('/tmp/full/a', { recursive: true })
      execFileSync('ln', ['-sfn', '/tmp/full/a', '/tmp/link'])
      for (const [source, message] of [
        ['/tmp/full', /is not empty/],
        ['/tmp/nothing', /ENOENT/],
        ['/etc/hostname', /not the full path of a directory/],
        ['/tmp/link', /not the full path of a directory/],
        ['/tmp/full/../full/a', /not the full path of a directory/],
        ['/var/lib/lxd/images', /overlaps the directory of the daemon/],
        ['/proc', /./],
      ] as const) {
        mkdirSync('/var/lib/lxd/images', { recursive: true })
        await assert.rejects(createPool(driver, { source }), (error: Error) => {
          assert.match(`${error.message}: ${String(error.cause)}`, message)
          return true
        })
      }
      assert.deepEqual(readdirSync(pools), [])
      assert.deepEqual(mountsBelow(pools), [])
    })

    test('files have the ids of the container inside and those of the image on disk', async () => {
      const pool = await createPool(driver)
      await create(driver, pool, 'c1', image)

      await inside({ driver, pool, name: 'c1' }, (root) => {
        assert.equal(lstatSync(join(root, 'home/user/mine')).uid, 101_000)
        assert.equal(lstatSync(root).uid, 100_000)
        writeFileSync(join(root, 'etc/hostname'), 'c1\n')
        writeFileSync(join(root, 'new'), 'new\n')
        rmSync(join(root, 'su'))
        assert.throws(() => writeFileSync(join(root, 'home/user/mine'), 'x'), { code: 'EACCES' })
      })

      const found = execFileSync('find', [pool.directory, '-name', 'new', '-printf', '%U:%G'], { encoding: 'utf8' })
      assert.equal(found, '0:0')
      const foreign = execFileSync('find', [`${pool.directory}/containers/c1`, '-mindepth', '1', '-uid', '+65535'])
      assert.equal(foreign.toString(), '')

      await inside({ driver, pool, name: 'c1', as: otherMap }, (root) => {
        assert.equal(readFileSync(join(root, 'new'), 'utf8'), 'new\n')
        assert.equal(lstatSync(join(root, 'new')).uid, 300_000)
        assert.equal(existsSync(join(root, 'su')), false)
      })
      await inside({ driver, pool, name: 'c1', as: [] }, (root) => {
        assert.equal(lstatSync(join(root, 'new')).uid, 0)
      })
      await driver.deletePool(pool)
    })

    test('two volumes of one image do not see what the other writes', async () => {
      const pool = await createPool(driver)
      await Promise.all([create(driver, pool, 'c1', image), create(driver, pool, 'c2', image)])
      await inside({ driver, pool, name: 'c1' }, (root) => {
        writeFileSync(join(root, 'etc/hostname'), 'c1\n')
        renameSync(join(root, 'etc'), join(root, 'moved'))
      })
      const seen = await inside({ driver, pool, name: 'c2' }, (root) =>
        readFileSync(join(root, 'etc/hostname'), 'utf8'),
      )
      assert.equal(seen, 'image\n')
      await create(driver, pool, 'c3', image)
      const after = await inside({ driver, pool, name: 'c3' }, (root) =>
        readFileSync(join(root, 'etc/hostname'), 'utf8'),
      )
      assert.equal(after, 'image\n')
      await driver.deletePool(pool)
    })

    test('no other user of the host gets at what is in a volume, mounted or not', async () => {
      const pool = await createPool(driver)
      await create(driver, pool, 'c1', image)
      const reach = () => {
        const paths = execFileSync('find', [pool.directory, '-name', 'su'], { encoding: 'utf8' }).trim().split('\n')
        assert.ok(paths.length > 0 && paths[0] !== '')
        for (const path of paths) {
          for (const uid of [1000, 65_534]) {
            assert.throws(() => withCredentials({ uid, gid: uid }, [], () => statSync(path)), { code: 'EACCES' }, path)
          }
        }
      }
      reach()
      await driver.mountVolume(pool, volume('c1'), map)
      reach()
      await driver.deletePool(pool)
    })

    test('an empty volume has an empty root that can be written', async () => {
      const pool = await createPool(driver)
      await create(driver, pool, 'c1')
      await inside({ driver, pool, name: 'c1' }, (root) => {
        assert.deepEqual(readdirSync(root), [])
        writeFileSync(join(root, 'a'), '')
      })
      await inside({ driver, pool, name: 'c1' }, (root) => assert.deepEqual(readdirSync(root), ['a']))
      await driver.deletePool(pool)
    })

    test('metadata and templates come with the volume, links do not', async () => {
      const pool = await createPool(driver)
      await create(driver, pool, 'c1', image)
      const directory = join(pool.directory, 'containers/c1')
      assert.equal(readFileSync(join(directory, 'metadata.yaml'), 'utf8'), 'architecture: x86_64\n')
      assert.ok(lstatSync(join(directory, 'templates/hostname.tpl')).isFile())
      if (driver.name === 'overlay') assert.deepEqual(readdirSync(join(directory, 'templates')), ['hostname.tpl'])
      await driver.deletePool(pool)
    })

    test('a volume is there once, and its name is free when it is deleted', async () => {
      const pool = await createPool(driver)
      await create(driver, pool, 'c1', image)
      await assert.rejects(create(driver, pool, 'c1', image), /exists already/)
      await driver.mountVolume(pool, volume('c1'), map)
      await driver.deleteVolume(pool, volume('c1'))
      await driver.deleteVolume(pool, volume('c1'))
      await create(driver, pool, 'c1', image)
      await driver.settle(pool)
      assert.deepEqual(readdirSync(join(pool.directory, '.scratch')), [])
      assert.deepEqual(readdirSync(join(pool.directory, 'containers')), ['c1'])
      assert.deepEqual(mountsBelow(pool.directory), [])
      await driver.deletePool(pool)
    })

    test('names of projects do not meet', async () => {
      const pool = await createPool(driver)
      await using steps = undo()
      for (const project of ['default', 'p1', 'p2']) {
        await driver.createVolume(pool, volume('c1', project), image, { undo: steps })
      }
      assert.deepEqual(readdirSync(join(pool.directory, 'containers')).sort(), ['c1', 'p1_c1', 'p2_c1'])
      steps.keep()
      await driver.deletePool(pool)
    })

    test('a renamed volume keeps its files; a rename the store never learnt of is taken back', async () => {
      const pool = await createPool(driver)
      await create(driver, pool, 'c1', image)
      await inside({ driver, pool, name: 'c1' }, (root) => writeFileSync(join(root, 'mark'), 'c1'))
      await create(driver, pool, 'taken', image)
      await assert.rejects(driver.renameVolume(pool, volume('c1'), 'taken'), /exists already/)

      await driver.renameVolume(pool, volume('c1'), 'c2')
      await driver.renameVolume(pool, volume('c1'), 'c2')
      await inside({ driver, pool, name: 'c2' }, (root) => assert.equal(readFileSync(join(root, 'mark'), 'utf8'), 'c1'))

      await driver.renameVolume(pool, volume('c2'), 'c3')
      await driver.mountPool(pool, known('c2', 'taken'))
      await inside({ driver, pool, name: 'c2' }, (root) => assert.equal(readFileSync(join(root, 'mark'), 'utf8'), 'c1'))
      await driver.deletePool(pool)
    })

    test('a volume the store does not know is left alone', async () => {
      const pool = await createPool(driver)
      await create(driver, pool, 'c1', image)
      await driver.mountPool(pool, known())
      assert.ok(existsSync(join(pool.directory, 'containers/c1')))
      await driver.deletePool(pool)
    })

    test('an unpacking that fails, or is given up, leaves nothing', async () => {
      const pool = await createPool(driver)
      const broken: ImageTree = {
        fingerprint: 'b'.repeat(64),
        async unpack(directory) {
          await image.unpack(directory, {})
          throw new Error('truncated')
        },
      }
      await assert.rejects(create(driver, pool, 'c1', broken), /truncated/)
      const rootless: ImageTree = { fingerprint: 'c'.repeat(64), unpack: () => Promise.resolve() }
      await assert.rejects(create(driver, pool, 'c1', rootless), /no directory "rootfs"/)
      const slow: ImageTree = {
        fingerprint: 'd'.repeat(64),
        async unpack(directory, { signal }) {
          await image.unpack(directory, {})
          await sleep(60_000, undefined, signal ? { signal } : {})
        },
      }
      await using steps = undo()
      const signal = AbortSignal.timeout(50)
      await assert.rejects(driver.createVolume(pool, volume('c1'), slow, { undo: steps, signal }), /abort|timeout/i)

      await driver.settle(pool)
      for (const folder of ['.scratch', 'containers']) assert.deepEqual(readdirSync(join(pool.directory, folder)), [])
      await driver.mountPool(pool, nothing)
      await driver.settle(pool)
      assert.deepEqual(readdirSync(join(pool.directory, 'images')), [])
      await driver.deletePool(pool)
    })

    test('a tree too deep for any path is removed all the same', async () => {
      const pool = await createPool(driver)
      await create(driver, pool, 'c1', image)
      const { rootfs } = await driver.mountVolume(pool, volume('c1'), [])
      const script =
        'cd "$1" && i=0; while [ $i -lt 60 ]; do d=$(printf %0200d $i); mkdir $d; cd -P $d || exit; i=$((i+1)); done'
      execFileSync('sh', ['-c', script, 'sh', rootfs.replace(/^dir:/, '')])
      await driver.unmountVolume(pool, volume('c1'))
      await driver.deleteVolume(pool, volume('c1'))
      await driver.settle(pool)
      assert.deepEqual(readdirSync(join(pool.directory, '.scratch')), [])
      await driver.deletePool(pool)
    })

    test('being killed at any moment leaves nothing half made', { timeout: 300_000 }, async () => {
      const pool = await createPool(driver)
      const script = fileURLToPath(new URL('storage-churn.ts', import.meta.url))
      const journal = '/tmp/journal'
      const deaths = driver === older ? 5 : 40
      let ready = new Set<string>()
      for (let death = 0; death < deaths; death++) {
        writeFileSync(journal, '')
        const child = spawn(process.execPath, [script, driver.name, pool.name, journal, ...ready], { stdio: 'inherit' })
        const gone = once(child, 'exit')
        for (const end = Date.now() + 20_000; !readFileSync(journal, 'utf8').includes('begin'); await sleep(2)) {
          assert.ok(Date.now() < end && child.exitCode === null, 'the process does not begin')
        }
        await sleep(Math.random() * 120)
        child.kill('SIGKILL')
        await gone

        const [after] = fresh().filter(({ name }) => name === driver.name)
        assert.ok(after)
        const state = readJournal(journal, ready)
        await after.mountPool(pool, known(...state.keys()))
        for (const name of await after.mountedVolumes(pool)) await after.unmountVolume(pool, volume(name))
        for (const [name, phase] of state) if (phase !== 'ready') await after.deleteVolume(pool, volume(name))
        await after.settle(pool)

        ready = new Set([...state].filter(([, phase]) => phase === 'ready').map(([name]) => name))
        assert.deepEqual(readdirSync(join(pool.directory, 'containers')).sort(), [...ready].sort())
        assert.deepEqual(readdirSync(join(pool.directory, '.scratch')), [])
        assert.deepEqual(mountsBelow(pool.directory), [])
        for (const name of ready) {
          const text: string = await inside({ driver: after, pool, name }, (root) =>
            readFileSync(join(root, 'etc/hostname'), 'utf8'),
          )
          assert.equal(text, 'image\n')
        }
      }
      await fresh()
        .find(({ name }) => name === driver.name)
        ?.deletePool(pool)
      assert.equal(existsSync(pool.directory), false)
    })
  })
}

/** The volumes the store would know after the events of the journal, and their phases. */
function readJournal(file: string, before: ReadonlySet<string>): Map<string, string> {
  const state = new Map([...before].map((name) => [name, 'ready']))
  for (const line of readFileSync(file, 'utf8').split('\n')) {
    const [event = '', name = '', to = ''] = line.split(' ')
    if (event === 'creating' || event === 'ready' || event === 'deleting') state.set(name, event)
    if (event === 'deleted') state.delete(name)
    if (event === 'renamed') {
      state.delete(name)
      state.set(to, 'ready')
    }
  }
  return state
}

describe('storage driver overlay, its images', () => {
  const [, driver] = fresh()
  assert.ok(driver)
  const trees = (pool: Pool) => readdirSync(join(pool.directory, 'images'))

  test('an image is unpacked once, however many ask for it at the same time', async () => {
    const pool = await createPool(driver)
    unpacked = 0
    await Promise.all(['c1', 'c2', 'c3'].map((name) => create(driver, pool, name, image)))
    await create(driver, pool, 'c4', image)
    assert.equal(unpacked, 1)
    assert.deepEqual(await driver.images(pool), [image.fingerprint])
    await driver.deletePool(pool)
  })

  test('one that gives up waiting does not take the tree from the others', async () => {
    const pool = await createPool(driver)
    const begun = Promise.withResolvers<void>()
    const go = Promise.withResolvers<void>()
    const gated: ImageTree = {
      fingerprint: image.fingerprint,
      async unpack(directory, work) {
        begun.resolve()
        await go.promise
        work.signal?.throwIfAborted()
        await image.unpack(directory, work)
      },
    }
    await using steps = undo()
    const abort = new AbortController()
    const first = driver.createVolume(pool, volume('c1'), gated, { undo: steps, signal: abort.signal })
    const second = create(driver, pool, 'c2', gated)
    await begun.promise
    abort.abort()
    await assert.rejects(first, { name: 'AbortError' })
    go.resolve()
    await second
    assert.deepEqual(readdirSync(join(pool.directory, 'containers')), ['c2'])
    await driver.deletePool(pool)
  })

  test('the tree of a deleted image stays until its last volume goes', async () => {
    const pool = await createPool(driver)
    await create(driver, pool, 'c1', image)
    await create(driver, pool, 'c2', image)
    await driver.renameVolume(pool, volume('c2'), 'c3')
    await driver.deleteImage(pool, image.fingerprint)
    assert.deepEqual(trees(pool), [image.fingerprint])
    await driver.deleteVolume(pool, volume('c1'))
    assert.deepEqual(trees(pool), [image.fingerprint])

    // The same over a restart of the daemon.
    const [, restarted] = fresh()
    await restarted?.mountPool(pool, { volumes: new Set(['c3']), images: new Map() })
    assert.deepEqual(trees(pool), [image.fingerprint])
    await inside({ driver, pool, name: 'c3' }, (root) => readFileSync(join(root, 'etc/hostname')))
    await restarted?.deleteVolume(pool, volume('c3'))
    assert.deepEqual(trees(pool), [])
    await driver.deletePool(pool)
  })

  test('a tree is written to disk in the background; one that a power cut may have damaged is unpacked again', async () => {
    const pool = await createPool(driver)
    await create(driver, pool, 'c1', image)
    const marker = join(pool.directory, 'images', image.fingerprint, '.unflushed')
    await driver.settle(pool)
    assert.equal(existsSync(marker), false)

    const file = join(pool.directory, 'images', image.fingerprint, 'rootfs/etc/hostname')
    for (const [boot, after] of [
      [readFileSync('/proc/sys/kernel/random/boot_id', 'utf8').trim(), 'damaged'],
      ['another boot', 'image\n'],
    ] as const) {
      writeFileSync(marker, boot)
      writeFileSync(file, 'damaged')
      await driver.mountPool(pool, known('c1'))
      await driver.settle(pool)
      assert.equal(readFileSync(file, 'utf8'), after)
      assert.equal(existsSync(marker), false)
    }
    await driver.deletePool(pool)
  })

  test('a container can not write to the tree of its image', async () => {
    const pool = await createPool(driver)
    await create(driver, pool, 'c1', image)
    // The mark of a tree that is still being written to disk goes when it is.
    await driver.settle(pool)
    const before = tree(join(pool.directory, 'images'))
    await inside({ driver, pool, name: 'c1', as: [] }, (root) => {
      rmSync(join(root, 'etc'), { recursive: true })
      writeFileSync(join(root, 'su'), 'changed')
    })
    assert.deepEqual(tree(join(pool.directory, 'images')), before)
    assert.equal(readFileSync(join(pool.directory, 'images', image.fingerprint, 'rootfs/su'), 'utf8'), '#!/bin/sh\n')
    await driver.deletePool(pool)
  })

  test('a name on disk leads back to its volume', () => {
    assert.equal(nameOnDisk({ project: 'p', name: 'c1' }), 'p_c1')
  })
})
