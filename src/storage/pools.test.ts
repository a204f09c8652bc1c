import assert from 'node:assert/strict'
import { mkdirSync, mkdtempSync, readdirSync, readlinkSync, symlinkSync, writeFileSync } from 'node:fs'
import { rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, test } from 'node:test'
import { explain } from '#base/failure.ts'
import { silentLog } from '#base/log.ts'
import { Undo } from '#base/undo.ts'
import { Events } from '#events/events.ts'
import { CommandError } from '#host/run.ts'
import { imageRecords } from '#store/image-record.ts'
import type { ImageRecord } from '#store/image-record.ts'
import { instanceRecords } from '#store/instance-record.ts'
import type { InstanceRecord } from '#store/instance-record.ts'
import { poolRecords } from '#store/pool-record.ts'
import { profileRecords } from '#store/profile-record.ts'
import { openSqliteStore } from '#store/sqlite.ts'
import type { ImageTree } from './driver.ts'
import { FakeDriver } from './fake-driver.ts'
import { Pools } from './pools.ts'

const imageTree = ({ fingerprint }: ImageRecord): ImageTree => ({ fingerprint, unpack: () => Promise.resolve() })

const directories: string[] = []
after(() => Promise.all(directories.map((directory) => rm(directory, { recursive: true }))))

function makePools() {
  const directory = mkdtempSync(join(tmpdir(), 'pools-'))
  directories.push(directory)
  mkdirSync(join(directory, 'containers'))
  const store = openSqliteStore(':memory:')
  const events = new Events({ log: silentLog })
  const heard: string[] = []
  events.subscribe(({ metadata }) => {
    const { action, source } = metadata as { action: string; source: string }
    heard.push(`${action} ${source}`)
  })
  const driver = new FakeDriver()
  const make = () => new Pools({ store, events, drivers: [driver], directory, log: silentLog, imageTree })
  return { directory, store, heard, driver, pools: make(), restarted: make }
}

const input = { name: 'p', driver: 'fake', description: 'mine', config: {} }
const image: ImageTree = { fingerprint: 'a'.repeat(64), unpack: () => Promise.resolve() }

function instance(name: string, more: Partial<InstanceRecord> = {}): InstanceRecord {
  return {
    project: 'default',
    name,
    type: 'container',
    architecture: 'x86_64',
    description: '',
    config: {},
    devices: {},
    profiles: [],
    ephemeral: false,
    stateful: false,
    pool: 'p',
    createdAt: '2026-01-01T00:00:00Z',
    lastUsedAt: '',
    phase: 'ready',
    ...more,
  }
}

function work() {
  return { undo: new Undo((what, error) => assert.fail(`${what}: ${explain(error)}`)) }
}

test('a pool is made, changed and deleted', async () => {
  const { pools, heard, directory, driver } = makePools()
  await pools.create({ ...input, config: { 'user.a': 'b', 'user.empty': '' } })

  const source = `${directory}/storage-pools/p`
  assert.deepEqual(pools.list(), [
    { name: 'p', driver: 'fake', description: 'mine', config: { source, 'user.a': 'b' }, phase: 'ready' },
  ])
  await pools.update('p', { description: 'changed', config: { source, 'user.a': '' } })
  assert.deepEqual(pools.get('p').config, { source })
  assert.equal(pools.get('p').description, 'changed')
  assert.deepEqual(await pools.resources('p'), { space: { used: 1, total: 10 }, inodes: { used: 2, total: 20 } })

  await pools.delete('p')
  assert.deepEqual(pools.list(), [])
  assert.equal(driver.pools.size, 0)
  assert.deepEqual(heard, [
    'storage-pool-created /1.0/storage-pools/p',
    'storage-pool-updated /1.0/storage-pools/p',
    'storage-pool-deleted /1.0/storage-pools/p',
  ])
  for (const verb of [() => pools.delete('p'), () => pools.resources('p')]) {
    await assert.rejects(verb, { message: 'Storage pool not found', kind: 'not-found' })
  }
})

test('what can not be a pool is refused and leaves nothing', async () => {
  const { pools, driver, store } = makePools()
  for (const [change, message] of [
    [{ name: '' }, /No name provided/],
    [{ name: 'a/b' }, /may not contain slashes/],
    [{ name: '..' }, /Invalid storage pool name/],
    [{ name: '.hidden' }, /Invalid storage pool name/],
    [{ name: 'a b' }, /no white space/],
    [{ name: 'a\n' }, /no white space/],
    [{ name: 'x'.repeat(101) }, /at most 100/],
    [{ driver: '' }, /No driver provided/],
    [{ driver: 'zfs' }, /Unknown storage driver "zfs": expected one of fake/],
    [{ config: { bogus: '1' } }, /Unknown configuration key "bogus"/],
    [{ config: { source: 'relative' } }, /"source": .*expected an absolute path/],
    [{ config: { 'volume.size': '1GiB' } }, /"volume.size": the driver "fake" can not limit sizes/],
    [{ config: { size: '1GiB' } }, /"size": the driver "fake" can not limit sizes/],
  ] as const) {
    await assert.rejects(pools.create({ ...input, ...change }), (error) => {
      assert.match(explain(error), message)
      return (error as { kind?: string }).kind === 'bad-request'
    })
  }
  driver.supported = false
  await assert.rejects(pools.create(input), /this host can not serve the driver "fake"/)
  assert.equal(driver.pools.size, 0)
  assert.deepEqual(store.list('/'), [])
})

test('a pool that can not be made leaves no record', async () => {
  const { pools, driver, store, heard } = makePools()
  for (const verb of ['checkNewPool', 'createPool', 'mountPool'] as const) {
    driver.failing.set(verb, new Error('broken'))
    await assert.rejects(pools.create(input), (error) => explain(error).includes('broken'))
    driver.failing.clear()
    assert.equal(driver.pools.size, 0)
    assert.deepEqual(store.list('/'), [])
  }
  await pools.create(input)
  await assert.rejects(pools.create(input), { message: 'The storage pool already exists', kind: 'conflict' })
  assert.equal(heard.length, 1)
})

test('of two creations of one pool at once, one is refused', async () => {
  const { pools } = makePools()
  const results = await Promise.allSettled([pools.create(input), pools.create(input)])
  assert.deepEqual(
    results.map(({ status }) => status),
    ['fulfilled', 'rejected'],
  )
})

test('the source of a pool stays what it is', async () => {
  const { pools } = makePools()
  await pools.create(input)
  for (const config of [{}, { source: '/elsewhere' }]) {
    await assert.rejects(pools.update('p', { description: '', config }), /"source" can not be changed/)
  }
})

test('a pool in use tells by whom and is not deleted', async () => {
  const { pools, store } = makePools()
  await pools.create(input)
  const disk = { type: 'disk', path: '/', pool: 'p' }
  const profiles = profileRecords(store)
  const profile = { project: 'web', name: 'big', description: '', config: {}, devices: { root: disk } }
  await store.commit([
    instanceRecords(store).put(instance('c1'), 'default', 'c1'),
    instanceRecords(store).put(instance('c2', { pool: 'other' }), 'default', 'c2'),
    profiles.put(profile, 'web', 'big'),
    imageRecords(store).put({ fingerprint: image.fingerprint } as ImageRecord, 'default', image.fingerprint),
  ])
  await pools.createInstanceVolume(instance('c1'), image, work())

  assert.deepEqual(await pools.usedBy('p'), [
    `/1.0/images/${image.fingerprint}`,
    '/1.0/instances/c1',
    '/1.0/profiles/big?project=web',
  ])
  await assert.rejects(pools.delete('p'), { message: 'The storage pool is currently in use', kind: 'bad-request' })
  await store.commit([instanceRecords(store).delete('default', 'c1'), profiles.delete('web', 'big')])
  await pools.delete('p')
})

test('an instance has a volume and a link to it, under its own name and then another', async () => {
  const { pools, directory, driver } = makePools()
  await pools.create(input)
  const place = (name: string) => join(directory, 'storage-pools/p/containers', name)

  await pools.createInstanceVolume({ project: 'web', name: 'c1', pool: 'p' }, image, work())
  assert.equal(readlinkSync(join(directory, 'containers/web_c1')), place('web_c1'))
  await pools.renameInstanceVolume({ project: 'web', name: 'c1', pool: 'p' }, 'c2')
  assert.deepEqual(readdirSync(join(directory, 'containers')), ['web_c2'])
  assert.equal(readlinkSync(join(directory, 'containers/web_c2')), place('web_c2'))

  const owner = { project: 'web', name: 'c2', pool: 'p' }
  const mounted = await pools.mountInstance(owner, [])
  assert.equal(mounted.rootfs, `dir:${place('web_c2')}/rootfs`)
  await pools.unmountInstance(owner)
  assert.equal(await pools.instanceUsage(owner), 7)

  await pools.deleteInstanceVolume(owner)
  await pools.deleteInstanceVolume(owner)
  assert.deepEqual(readdirSync(join(directory, 'containers')), [])
  assert.equal(driver.pools.get('p')?.volumes.size, 0)
  await pools.deleteInstanceVolume({ ...owner, pool: 'gone' })
  await assert.rejects(pools.createInstanceVolume({ ...owner, pool: 'gone' }, image, work()), /Storage pool not found/)
})

test('a full disk is told as such', async () => {
  const { pools, driver } = makePools()
  await pools.create(input)
  const tar = { program: 'tar', args: [], code: 2, stderr: 'tar: ./a: Cannot write: No space left on device\n' }
  for (const error of [
    Object.assign(new Error('ENOSPC: no space left on device, write'), { code: 'ENOSPC' }),
    new Error('Cannot unpack the image', { cause: new CommandError('exited with code 2', tar) }),
  ]) {
    driver.failing.set('createVolume', error)
    await assert.rejects(pools.createInstanceVolume(instance('c1'), image, work()), {
      message: 'No space is left in storage pool "p"',
    })
  }
  driver.failing.set('createVolume', new Error('other'))
  await assert.rejects(pools.createInstanceVolume(instance('c1'), image, work()), /other/)
})

test('a start ends what a crash left half done, and puts the links right', async () => {
  const { pools, store, driver, directory, restarted } = makePools()
  const records = poolRecords(store)
  await pools.create(input)
  for (const [name, phase] of [
    ['made', 'creating'],
    ['gone', 'deleting'],
  ] as const) {
    driver.pools.set(name, { volumes: new Map(), mounted: new Set(), images: new Set() })
    await store.commit([records.put({ name, driver: 'fake', description: '', config: {}, phase }, name)])
  }
  await store.commit([
    instanceRecords(store).put(instance('c1'), 'default', 'c1'),
    instanceRecords(store).put(instance('c2', { phase: 'deleting' }), 'default', 'c2'),
    imageRecords(store).put({ fingerprint: image.fingerprint } as ImageRecord, 'default', image.fingerprint),
  ])
  symlinkSync('/nowhere', join(directory, 'containers/c1'))
  symlinkSync('/nowhere', join(directory, 'containers/old'))
  writeFileSync(join(directory, 'containers/file'), 'not ours')

  const again = restarted()
  assert.deepEqual(
    again.list().map(({ name }) => name),
    ['p'],
  )
  await again.start()

  assert.deepEqual([...driver.pools.keys()], ['p'])
  assert.deepEqual(store.list('/storage-pools/').length, 1)
  assert.deepEqual(driver.known.get('p')?.volumes, new Set(['c1', 'c2']))
  assert.deepEqual([...(driver.known.get('p')?.images.keys() ?? [])], [image.fingerprint])
  assert.deepEqual(readdirSync(join(directory, 'containers')).sort(), ['c1', 'c2', 'file'])
  assert.equal(readlinkSync(join(directory, 'containers/c1')), join(directory, 'storage-pools/p/containers/c1'))
})

test('a pool that was not there at the start is tried again when it is needed', async () => {
  const { pools, driver, restarted } = makePools()
  await pools.create(input)
  driver.failing.set('mountPool', new Error('the disk is missing'))
  const again = restarted()
  await again.start()
  assert.equal(again.isAvailable('p'), false)
  await assert.rejects(again.createInstanceVolume(instance('c1'), image, work()), {
    message: 'Storage pool "p" is not available',
    kind: 'unavailable',
  })
  await again.unmountInstance(instance('c1'))

  driver.failing.clear()
  await again.createInstanceVolume(instance('c1'), image, work())
  assert.equal(again.isAvailable('p'), true)
})

test('what stopped instances left mounted is unmounted', async () => {
  const { pools, driver } = makePools()
  await pools.create(input)
  for (const name of ['c1', 'c2', 'c3']) {
    const owner = { project: name === 'c3' ? 'web' : 'default', name, pool: 'p' }
    await pools.createInstanceVolume(owner, image, work())
    await pools.mountInstance(owner, [])
  }
  await pools.reconcile(new Set(['c2']))
  assert.deepEqual([...(driver.pools.get('p')?.mounted ?? [])], ['c2'])
})

test('an image is dropped from the pools when the last project has let go of it', async () => {
  const { pools, store } = makePools()
  await pools.create(input)
  await pools.createInstanceVolume(instance('c1'), image, work())
  const images = imageRecords(store)
  await store.commit([images.put({ fingerprint: image.fingerprint } as ImageRecord, 'web', image.fingerprint)])
  await pools.deleteImage(image.fingerprint)
  assert.deepEqual(await pools.imagesIn('p'), [image.fingerprint])
  await store.commit([images.delete('web', image.fingerprint)])
  await pools.deleteImage(image.fingerprint)
  assert.deepEqual(await pools.imagesIn('p'), [])
})
