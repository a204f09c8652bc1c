import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { IdMap } from '#base/idmap.ts'
import { overlap, readIdMap } from '#instances/idmaps.ts'
import { TestDaemon } from './daemon.ts'

const root = { type: 'disk', path: '/', pool: 'default' }
const own = { 'security.idmap.isolated': 'true' }

async function start(): Promise<TestDaemon> {
  const daemon = await TestDaemon.start()
  await daemon.ok('POST', '/1.0/storage-pools', { body: { name: 'default', driver: daemon.host.drivers[0]?.name } })
  return daemon
}

const make = (daemon: TestDaemon, name: string, config: Readonly<Record<string, string>> = {}) =>
  daemon.ok('POST', '/1.0/instances', { body: { name, source: { type: 'none' }, devices: { root }, config } })
const url = (name: string) => `/1.0/instances/${name}/state`
const act = (daemon: TestDaemon, name: string, action: string) =>
  daemon.ok('PUT', url(name), { body: { action, timeout: -1, force: true } })
const refusedStart = async (daemon: TestDaemon, name: string) =>
  (await daemon.refused('PUT', url(name), { body: { action: 'start', timeout: -1 } })).error
const configOf = async (daemon: TestDaemon, name: string): Promise<Record<string, string>> =>
  (await daemon.ok('GET', `/1.0/instances/${name}`)).config
const mapOf = async (daemon: TestDaemon, name: string) =>
  readIdMap((await configOf(daemon, name))['volatile.idmap.current'])
const setIds = (daemon: TestDaemon, line: string) => {
  daemon.host.subordinateIds = () => Promise.resolve({ uid: line, gid: line })
}
const meet = (a: IdMap, b: IdMap) => a.some((one) => b.some((other) => overlap(one, other)))

test('a hundred containers that are made and started at once share no id, but those that share theirs', async () => {
  await using daemon = await start()
  const kinds = [own, {}, { ...own, 'security.idmap.size': '70000' }, own]
  const names = Array.from({ length: 100 }, (_, at) => `c${at}`)
  // More than there is room for, so that the last ones race for the last ids.
  setIds(daemon, 'root:100000:9000000')
  const ends = await Promise.all(
    names.map(async (name, at) => {
      await make(daemon, name, kinds[at % kinds.length])
      const { status, body } = await daemon.call('PUT', url(name), { body: { action: 'start', timeout: -1 } })
      assert.equal(status, 202)
      return (await daemon.ok('GET', `${body.operation}/wait?timeout=20`)) as { readonly err: string }
    }),
  )
  const failed = ends.filter(({ err }) => err !== '')
  for (const { err } of failed) assert.match(err, /no \d+ ids in a row are left/)
  assert.ok(failed.length > 0 && failed.length < 30, `${failed.length} found no room`)

  const running: { readonly name: string; readonly shared: boolean; readonly map: IdMap }[] = []
  for (const [at, name] of names.entries()) {
    if (ends[at]?.err === '') running.push({ name, shared: at % 4 === 1, map: await mapOf(daemon, name) })
  }
  for (const [at, a] of running.entries()) {
    assert.notEqual(a.map.length, 0)
    for (const b of running.slice(at + 1)) {
      if (a.shared && b.shared) assert.deepEqual(a.map, b.map)
      else assert.ok(!meet(a.map, b.map), `${a.name} and ${b.name}`)
    }
  }
  // What one gives up another can have.
  const gone = running.find(({ shared }) => !shared)?.name ?? ''
  await act(daemon, gone, 'stop')
  await daemon.ok('DELETE', `/1.0/instances/${gone}`)
  await make(daemon, 'late', own)
  await act(daemon, 'late', 'start')
})

test("after a change of the host's ids nothing starts on ids that another runs with", async () => {
  await using daemon = await start()
  setIds(daemon, 'root:100000:400000')
  for (const [name, config] of Object.entries({ shared: {}, isolated: own, stopped: own })) {
    await make(daemon, name, config)
    await act(daemon, name, 'start')
  }
  await act(daemon, 'stopped', 'stop')
  const before = await mapOf(daemon, 'isolated')
  const running = await mapOf(daemon, 'shared')

  // What was for isolated containers is now where the shared range is to be, and the other way round.
  setIds(daemon, `root:${before[0]?.host}:400000`)
  await make(daemon, 'shared-2')
  assert.match(await refusedStart(daemon, 'shared-2'), /\/etc\/subuid or \/etc\/subgid has changed/)
  setIds(daemon, 'root:10000:1000000')
  await make(daemon, 'isolated-2', own)
  await act(daemon, 'isolated-2', 'start')
  await act(daemon, 'stopped', 'start')
  const maps = await Promise.all(['isolated-2', 'stopped'].map((name) => mapOf(daemon, name)))
  for (const map of maps) {
    assert.ok(!meet(map, running), 'with one that shares')
    assert.ok(!meet(map, before), 'with one that is isolated')
  }
  assert.ok(!meet(...(maps as [IdMap, IdMap])))

  // Also where the daemon was away while the ids changed, and for one that it finds running.
  await daemon.close()
  setIds(daemon, `root:${before[0]?.host}:400000`)
  await daemon.open()
  assert.deepEqual(await mapOf(daemon, 'isolated'), before)
  assert.match(await refusedStart(daemon, 'shared-2'), /restart the isolated containers first/)
  for (const name of ['isolated', 'isolated-2', 'stopped']) await act(daemon, name, 'stop')
  await act(daemon, 'shared-2', 'start')
  await act(daemon, 'isolated', 'start')
  assert.ok(!meet(await mapOf(daemon, 'isolated'), await mapOf(daemon, 'shared-2')))
})

test('exhaustion, overlap and too few ids are errors that say so', async () => {
  await using daemon = await start()
  setIds(daemon, 'root:100000:65536')
  await make(daemon, 'c1', own)
  assert.match(await refusedStart(daemon, 'c1'), /no 65536 ids in a row are left/)
  setIds(daemon, 'root:100000:65535')
  await make(daemon, 'c2')
  assert.match(
    await refusedStart(daemon, 'c2'),
    /root has 65535 ids in \/etc\/subuid or \/etc\/subgid, 65536 are needed/,
  )
  setIds(daemon, 'root:100000:1000000')
  await act(daemon, 'c1', 'start')
  const { host = 0 } = (await mapOf(daemon, 'c1'))[0] ?? {}
  for (const base of [host, host + 65_535, host - 65_535, 100_000, 1_099_999]) {
    await daemon.ok('PATCH', '/1.0/instances/c2', {
      body: { config: { ...own, 'security.idmap.base': String(base) } },
    })
    assert.match(
      await refusedStart(daemon, 'c2'),
      /Invalid "security.idmap.base" \d+: expected 65536 ids that no other/,
    )
  }
  await daemon.ok('PATCH', '/1.0/instances/c2', { body: { config: { 'security.idmap.base': String(host + 65_536) } } })
  await act(daemon, 'c2', 'start')
})

test('lines of raw.idmap name only ids that root may map and that no container was given', async () => {
  await using daemon = await start()
  setIds(daemon, 'root:100000:1000000\nroot:1000:1')
  await make(daemon, 'c1', { 'raw.idmap': 'both 1000 1000' })
  await act(daemon, 'c1', 'start')
  await make(daemon, 'c2', { ...own, 'raw.idmap': 'both 1000 0' })
  await act(daemon, 'c2', 'start')
  const config = await configOf(daemon, 'c2')
  assert.equal(config['volatile.idmap.base'], '558752')
  assert.match(config['volatile.idmap.current'] ?? '', /"Isuid":true,"Isgid":true,"Hostid":1000,"Nsid":0,"Maprange":1/)
  for (const [line, says] of [
    ['both 1001 1001', /root may not map uid 1001-1001/],
    ['uid 600000 7', /among the ids that are given to containers/],
  ] as const) {
    await daemon.ok('PATCH', '/1.0/instances/c1', { body: { config: { 'raw.idmap': line } } })
    await act(daemon, 'c1', 'stop')
    assert.match(await refusedStart(daemon, 'c1'), says)
    await daemon.ok('PATCH', '/1.0/instances/c1', { body: { config: { 'raw.idmap': '' } } })
    await act(daemon, 'c1', 'start')
  }
  // One that runs keeps what it was given, whatever becomes of the host's ids.
  setIds(daemon, 'root:5000000:1000000\nroot:600000:1')
  await make(daemon, 'c3', { 'raw.idmap': 'uid 600000 7' })
  assert.match(await refusedStart(daemon, 'c3'), /another container was given ids 600000-600000/)
  for (const wrong of ['both 1000', 'both 1000 x', 'user 1 1', 'both 1-2 1', 'uid 1 1\nuid 1 2', 'uid 4294967295 1']) {
    const { status } = await daemon.refused('PATCH', '/1.0/instances/c1', { body: { config: { 'raw.idmap': wrong } } })
    assert.equal(status, 400, wrong)
  }
})

test('a key of the server makes new containers isolated, unless they are told otherwise', async () => {
  await using daemon = await start()
  await daemon.ok('POST', '/1.0/profiles', { body: { name: 'open', config: { 'security.idmap.isolated': 'false' } } })
  const isolated = async (name: string) => (await configOf(daemon, name))['security.idmap.isolated']
  await make(daemon, 'before')
  await daemon.ok('PATCH', '/1.0', { body: { config: { 'instances.idmap.isolated': 'true' } } })
  await make(daemon, 'after')
  await make(daemon, 'otherwise', { 'security.idmap.isolated': 'false' })
  await make(daemon, 'privileged', { 'security.privileged': 'true' })
  await daemon.ok('POST', '/1.0/instances', {
    body: { name: 'profiled', source: { type: 'none' }, devices: { root }, profiles: ['open'] },
  })
  assert.deepEqual(await Promise.all(['before', 'after', 'otherwise', 'privileged', 'profiled'].map(isolated)), [
    undefined,
    'true',
    'false',
    undefined,
    undefined,
  ])
  await act(daemon, 'after', 'start')
  assert.notEqual((await configOf(daemon, 'after'))['volatile.idmap.base'], '0')
})
