import assert from 'node:assert/strict'
import { existsSync, mkdirSync, mkdtempSync, readdirSync, statSync, symlinkSync } from 'node:fs'
import { rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, test } from 'node:test'
import { explain } from '#base/failure.ts'
import type { IdMap } from '#base/idmap.ts'
import { Undo } from '#base/undo.ts'
import { size } from '#config/key.ts'
import { FakeMounts } from '#host/fake-mounts.ts'
import { checkDevices } from './check.ts'
import type { DeviceConfig, DeviceContext } from './device.ts'
import { disk } from './disk.ts'

const isRoot = process.getuid?.() === 0
const needsRoot = { skip: !isRoot && 'needs root' }
const directories: string[] = []
after(() => Promise.all(directories.map((directory) => rm(directory, { recursive: true }))))

const map: IdMap = [{ kind: 'both', inside: 0, host: 100_000, count: 65_536 }]

function makeDisk() {
  const devicesDirectory = mkdtempSync(join(tmpdir(), 'disks-'))
  directories.push(devicesDirectory)
  const mounts = new FakeMounts()
  mounts.sources.set('/srv/data', 'directory').set('/srv/file', 'file').set('/dev/sda', 'block device')
  const asked: string[] = []
  const inside = {
    async attach(pid: number, _mount: object, { path, owner }: { path: string; owner: { uid: number } }) {
      asked.push(`attach ${pid} ${path} ${owner.uid}`)
    },
    async attachLocked(pid: number, place: { path: string; kind: string }, { path }: { path: string }) {
      const mounted = mounts.mounted.get(place.path)
      asked.push(`attach locked ${pid} ${path} ${place.kind} ${mounted?.type === 'bind' && mounted.options.readonly}`)
    },
    async detach(pid: number, path: string) {
      asked.push(`detach ${pid} ${path}`)
    },
  }
  const pools = {
    volumeKeys: (name: string) => (name === 'dir' ? {} : name === 'big' ? { size: size({ doc: 'Size.' }) } : undefined),
  }
  // Where disks of the project "bound" can come from.
  const bound = mkdtempSync(join(tmpdir(), 'bound-'))
  directories.push(bound)
  const policy = { diskDirectories: (project: string) => (project === 'bound' ? [bound] : undefined) }
  return { kind: disk({ mounts, inside, pools, policy, devicesDirectory }), mounts, asked, devicesDirectory, bound }
}

function owner(devices: Record<string, DeviceConfig>) {
  return { project: 'default', name: 'c1', runtimeName: 'c1', privileged: false, devices }
}

function context(config: DeviceConfig, more: Partial<DeviceContext> = {}): DeviceContext {
  const devices = { data: { type: 'disk', ...config } }
  return {
    owner: owner(devices),
    device: 'data',
    config: devices.data,
    volatile: {},
    idmap: map,
    pid: undefined,
    ...more,
  }
}

function undo(): Undo {
  return new Undo((what, error) => assert.fail(`${what}: ${explain(error)}`))
}

test('what can not be a disk is refused', () => {
  const { kind } = makeDisk()
  const check = (config: DeviceConfig, others: Record<string, DeviceConfig> = {}) => {
    const devices = { ...others, data: { type: 'disk', ...config } }
    checkDevices(() => kind, devices, { owner: owner(devices), inProfile: false })
  }
  const source = '/'
  for (const [config, message] of [
    [{ path: '/x', source: '/no/such/directory' }, /Missing source path "\/no\/such\/directory" for disk "data"/],
    [{ source }, /missing the required "path"/],
    [{ path: '/x' }, /missing the required "source"/],
    [{ path: '/x', source: 'relative' }, /Source path must be absolute/],
    [{ path: '/x', source: 'ceph:pool/volume' }, /Source path must be absolute/],
    [{ path: '/x', source: '/a\nb' }, /"source": Invalid path/],
    [{ path: '/x\ny', source }, /expected a path without/],
    [{ path: '/x/../../etc', source }, /expected a path without "\.\."/],
    [{ path: '/x', source, size: '1GiB' }, /Only the root disk may have a size quota/],
    [{ path: '/x', source: 'volume', pool: 'dir' }, /Only the root disk can be in a storage pool/],
    [{ path: '/x', source, propagation: 'sideways' }, /expected one of private, shared/],
    [{ path: '/x', source, 'raw.mount.options': 'nosuid,suid' }, /Invalid mount option "suid"/],
    [{ path: '/x', source, readonly: 'ture' }, /expected true or false/],
    [{ path: '/x', source, 'limits.read': '1MB' }, /Unknown configuration key "limits.read"/],
    [{ path: '/' }, /must have a "pool" property/],
    [{ path: '/', pool: 'dir', source }, /may not have a "source" property/],
    [{ path: '/', pool: 'dir', readonly: 'true' }, /"readonly": A root disk can not have this key/],
    [{ path: '/', pool: 'dir', size: '1GiB' }, /"size": Storage pool "dir" can not limit/],
  ] as const) {
    assert.throws(
      () => check(config),
      (error) => message.test(explain(error)),
      JSON.stringify(config),
    )
  }
  check({ path: '/', pool: 'big', size: '1GiB' })
  check({ path: '/', pool: 'not-there-yet', size: '1GiB' })
  check({ path: 'x', source })
  check({ path: 'x', source: '/no/such/directory', required: 'false' })
  assert.throws(
    () => check({ path: '/x', source }, { other: { type: 'disk', path: 'x/', source } }),
    (error) => explain(error).includes('More than one disk device uses the same path "/x"'),
  )
})

test(
  'a directory of the host is mounted where only the instance gets at it, and liblxc is told',
  needsRoot,
  async () => {
    const { kind, mounts, devicesDirectory } = makeDisk()
    const config = {
      path: '/mnt/a b\\c',
      source: '/srv/data',
      readonly: 'true',
      'raw.mount.options': 'nosuid, noatime',
    }

    const started = await kind.start(context(config), undo())

    const place = `${devicesDirectory}/c1/disk.data`
    assert.deepEqual(started, {
      lxc: [['lxc.mount.entry', String.raw`${place} mnt/a\040b\134c none bind,create=dir 0 0`]],
      volatile: {},
    })
    assert.deepEqual(mounts.mounted.get(place), {
      type: 'bind',
      source: '/srv/data',
      options: { map: [], readonly: true, recursive: false, flags: ['nosuid', 'noatime'], propagation: 'private' },
    })
    const { uid, mode } = statSync(`${devicesDirectory}/c1`)
    assert.deepEqual([uid, mode & 0o777], [100_000, 0o100])

    await kind.stop(context(config))
    await kind.stop(context(config))
    assert.equal(mounts.mounted.size, 0)
    assert.deepEqual(readdirSync(devicesDirectory), [])
  },
)

test('ids are shifted by the map, mounts below and later ones come along where asked for', needsRoot, async () => {
  const { kind, mounts, devicesDirectory } = makeDisk()
  const config = { path: '/x', source: '/srv/file', shift: 'true', recursive: 'true', propagation: 'rslave' }

  const started = await kind.start(context(config), undo())

  const place = `${devicesDirectory}/c1/disk.data`
  assert.deepEqual(started.lxc, [['lxc.mount.entry', `${place} x none rbind,create=file,rslave 0 0`]])
  const mounted = mounts.mounted.get(place)
  assert.deepEqual(mounted?.type === 'bind' && mounted.options, {
    map,
    readonly: false,
    recursive: true,
    flags: [],
    propagation: 'keep',
  })
  assert.ok(statSync(place).isFile())
  await kind.stop(context(config))
})

test('a start after a crash takes the place of what is there still', needsRoot, async () => {
  const { kind, mounts } = makeDisk()
  await kind.start(context({ path: '/x', source: '/srv/file' }), undo())
  await kind.start(context({ path: '/x', source: '/srv/data' }), undo())
  assert.equal(mounts.mounted.size, 1)
})

test('a start that is undone leaves nothing', needsRoot, async () => {
  const { kind, mounts, devicesDirectory } = makeDisk()
  {
    await using steps = undo()
    await kind.start(context({ path: '/x', source: '/srv/data' }), steps)
  }
  assert.equal(mounts.mounted.size, 0)
  assert.equal(existsSync(`${devicesDirectory}/c1`), false)
})

test('a source that is missing keeps the instance from starting unless it is not required', async () => {
  const { kind } = makeDisk()
  const missing = { path: '/x', source: '/srv/missing' }
  await assert.rejects(kind.start(context(missing), undo()), {
    message: 'Missing source path "/srv/missing" for disk "data"',
  })
  assert.deepEqual(await kind.start(context({ ...missing, required: 'false' }), undo()), { lxc: [], volatile: {} })
  await assert.rejects(kind.start(context({ path: '/x', source: '/dev/sda' }), undo()), /is a block device/)
})

test('a project that is bound to a directory gets what is in it, and not what links there lead to', async () => {
  const { kind, mounts, bound } = makeDisk()
  mkdirSync(join(bound, 'a'))
  symlinkSync('a', join(bound, 'inside'))
  symlinkSync('/etc', join(bound, 'outside'))
  symlinkSync('/no/such/place', join(bound, 'nowhere'))
  const of = (path: string): DeviceContext['owner'] => ({
    ...owner({ data: { type: 'disk', path: '/x', source: join(bound, path) } }),
    project: 'bound',
  })
  const check = (path: string) => {
    const bounded = of(path)
    checkDevices(() => kind, bounded.devices, { owner: bounded, inProfile: false })
  }
  for (const path of ['a', 'inside', '.', '']) check(path)
  // The same answer, whether there is something outside or not.
  for (const path of ['outside', 'nowhere', 'missing', '../..']) {
    assert.throws(
      () => check(path),
      (error) => explain(error).includes('Missing source path'),
      path,
    )
  }

  mounts.sources.set('a', 'directory')
  const config = { path: '/x', source: join(bound, '.', 'a') }
  await kind.start(context(config, { owner: of('a'), pid: 42 }), undo())
  assert.deepEqual(
    [...mounts.detached.values()].map((mount) => mount.type === 'bind' && mount.options.below),
    [bound],
  )
  await assert.rejects(kind.start(context({ path: '/x', source: '/etc' }, { owner: of('a'), pid: 42 }), undo()), {
    message: 'Disk source path "/etc" not allowed',
    kind: 'forbidden',
  })
})

test('in an instance that runs the mount is handed over, and never a peer of the host', async () => {
  const { kind, asked, mounts } = makeDisk()
  const config = { path: 'x', source: '/srv/data', propagation: 'shared' }
  await kind.start(context(config, { pid: 42 }), undo())
  await kind.stop(context(config, { pid: 42 }))
  assert.deepEqual(asked, ['attach 42 /x 100000', 'detach 42 /x'])
  assert.equal(mounts.mounted.size, 0)
})

test('the root disk is the work of its pool', async () => {
  const { kind } = makeDisk()
  const root = { path: '/', pool: 'dir' }
  assert.deepEqual(await kind.start(context(root), undo()), { lxc: [], volatile: {} })
  await kind.stop(context(root))
  await assert.rejects(
    kind.start(context(root, { pid: 42 }), undo()),
    /can not be changed while the instance is running/,
  )
})

test(
  'what a running container is not to write is attached so that its root can not mount it again',
  needsRoot,
  async () => {
    const { kind, asked, mounts } = makeDisk()
    for (const config of [{ readonly: 'true' }, { 'raw.mount.options': 'nosuid' }] as const) {
      await kind.start(context({ source: '/srv/data', path: '/x', ...config }, { pid: 42 }), undo())
    }
    // One without a user namespace is kept from nothing by the kernel.
    await kind.start(context({ source: '/srv/file', path: '/y', readonly: 'true' }, { pid: 42, idmap: [] }), undo())
    assert.deepEqual(asked, [
      'attach locked 42 /x directory true',
      'attach locked 42 /x directory false',
      'attach 42 /y 0',
    ])
    assert.equal(mounts.mounted.size, 0)
  },
)
