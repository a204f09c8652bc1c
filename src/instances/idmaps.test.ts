import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { IdMap } from '#base/idmap.ts'
import { parseRawIdMap } from '#projects/policy/raw-idmap.ts'
import {
  checkRawLines,
  formatIdMap,
  givenRanges,
  hostIdSpans,
  isolatedMap,
  overlap,
  readIdMap,
  rootSpans,
  sharedMap,
  withRawLines,
} from './idmaps.ts'

const spans = { uid: { base: 100_000, count: 10_000_001 }, gid: { base: 100_000, count: 10_000_001 } }

test("root's largest range is taken, or LXD's where there is none", () => {
  assert.deepEqual(rootSpans('_lxd:100000:10000001\nroot:100000:65536\nroot:200000:1000000\n'), [
    { base: 200_000, count: 1_000_000 },
    { base: 100_000, count: 65_536 },
  ])
  assert.deepEqual(rootSpans('root:x:y\nroot:0:70000\nuser:1:2'), [{ base: 1_000_000, count: 1_000_000_000 }])
  assert.deepEqual(rootSpans(undefined), [{ base: 1_000_000, count: 1_000_000_000 }])
})

test('too few ids are an error, not a smaller map', () => {
  const few = { base: 100_000, count: 65_535 }
  assert.throws(() => sharedMap({ uid: few, gid: spans.gid }), /65535 ids .* 65536 are needed/)
})

test('a map is kept as LXD keeps it', () => {
  const map = sharedMap({ uid: { base: 1000, count: 65_536 }, gid: { base: 2000, count: 65_536 } })
  const text =
    '[{"Isuid":true,"Isgid":false,"Hostid":1000,"Nsid":0,"Maprange":65536},{"Isuid":false,"Isgid":true,"Hostid":2000,"Nsid":0,"Maprange":65536}]'
  assert.equal(formatIdMap(map), text)
  assert.deepEqual(readIdMap(text), map)
  assert.deepEqual(['', undefined, '{', '{}', '[{"Hostid":"x"}]'].map(readIdMap), [[], [], [], [], []])
})

test('no two isolated maps, nor one and the shared one, ever overlap by a single id', () => {
  let seed = 7
  const random = (below: number) => (seed = (seed * 1_103_515_245 + 12_345) % 2 ** 31) % below
  for (const gidBase of [100_000, 150_000, 20_000_000]) {
    const uneven = { uid: spans.uid, gid: { base: gidBase, count: 9_000_000 } }
    const shared = sharedMap(uneven)
    const taken = new Map<number, IdMap>()
    for (let step = 0; step < 2000; step++) {
      const id = random(60)
      if (taken.delete(id)) continue
      const size = 65_536 + (random(3) === 0 ? random(200_000) : 0)
      const wanted = random(5) === 0 ? 100_000 + random(10_000_000) : undefined
      try {
        taken.set(id, isolatedMap(uneven, { size, wanted, taken: [...taken.values()] }))
      } catch {
        continue
      }
      const all = [shared, ...taken.values()]
      const clashes = all.flatMap((map, index) =>
        all.slice(index + 1).filter((other) => map.some((a) => other.some((b) => overlap(a, b)))),
      )
      assert.deepEqual(clashes, [])
    }
    assert.ok(taken.size > 5)
  }
})

test('an isolated map stays where it is wanted, or is refused', () => {
  const wanted = 100_000 + 8_000_000
  const map = isolatedMap(spans, { size: 65_536, wanted, taken: [] })
  assert.deepEqual(map, [
    { kind: 'uid', inside: 0, host: wanted, count: 65_536 },
    { kind: 'gid', inside: 0, host: wanted, count: 65_536 },
  ])
  for (const [base, taken] of [
    [100_000, []],
    [wanted + 65_535, [map]],
    [100_000 + 10_000_001 - 65_535, []],
  ] as const) {
    assert.throws(() => isolatedMap(spans, { size: 65_536, wanted: base, taken }), /Invalid "security.idmap.base"/)
  }
})

test('when all ids are given away the next container is refused', () => {
  const taken: IdMap[] = []
  assert.throws(() => {
    for (;;) taken.push(isolatedMap(spans, { size: 65_536, wanted: undefined, taken }))
  }, /no 65536 ids in a row are left/)
  assert.equal(taken.length, 76)
})

const host = hostIdSpans({
  uid: 'root:100000:131072\nroot:50:11\nroot:1000:2\n',
  gid: 'root:100000:131072\nroot:1000:1\n',
})
const raw = (text: string, foreign: IdMap = []) =>
  withRawLines(sharedMap(host.pool), parseRawIdMap(text), { ...host, foreign })

test('lines of raw.idmap take the place of what ids would be otherwise, and are kept as LXD keeps them', () => {
  const map = raw('both 1000 1000\nuid 50-60 500-510')
  // What Debian's LXD wrote for the same lines, with a range of another size.
  const entry = (kinds: 'u' | 'g' | 'ug', ...[host, inside, count]: readonly number[]) =>
    `{"Isuid":${kinds.includes('u')},"Isgid":${kinds.includes('g')},"Hostid":${host},"Nsid":${inside},"Maprange":${count}}`
  const text = [
    entry('u', 100_000, 0, 500),
    entry('u', 50, 500, 11),
    entry('u', 100_511, 511, 489),
    entry('ug', 1000, 1000, 1),
    entry('u', 101_001, 1001, 64_535),
    entry('g', 100_000, 0, 1000),
    entry('ug', 1000, 1000, 1),
    entry('g', 101_001, 1001, 64_535),
  ].join()
  assert.equal(formatIdMap(map), `[${text}]`)
  assert.equal(formatIdMap(readIdMap(`[${text}]`)), `[${text}]`)
  assert.deepEqual(
    givenRanges(readIdMap(`[${text}]`), parseRawIdMap('both 1000 1000\nuid 50-60 500-510')).map(({ host }) => host),
    [100_000, 100_511, 101_001, 100_000, 101_001],
  )
})

test('what a map has of each id inside is one id of the host, whatever the lines', () => {
  for (const text of ['', 'uid 50 0', 'uid 50 65535', 'uid 50-60 65530-65540', 'gid 1000 0\nuid 1000-1001 7-8']) {
    const map = raw(text)
    for (const [at, a] of map.entries()) {
      for (const b of map.slice(at + 1)) {
        assert.ok(!overlap(a, b), `${text}: the host's ids`)
        assert.ok(!overlap({ ...a, host: a.inside }, { ...b, host: b.inside }), `${text}: the ids inside`)
      }
    }
    const users = map.filter(({ kind }) => kind !== 'gid').reduce((sum, { count }) => sum + count, 0)
    assert.equal(users, text.includes('65540') ? 65_541 : 65_536, text)
  }
})

test('a line of raw.idmap can not name ids that root may not map, nor those of containers', () => {
  const refused: readonly (readonly [string, RegExp, IdMap?])[] = [
    ['both 1001 1001', /root may not map gid 1001-1001 .* "root:1001:1" in \/etc\/subgid/],
    ['uid 0 0', /root may not map uid 0-0/],
    ['uid 50-61 50-61', /root may not map uid 50-61/],
    ['uid 100000 5', /among the ids that are given to containers, 100000-231071/],
    ['gid 231071 5', /among the ids that are given to containers/],
    ['uid 50 5', /another container was given ids 50-50/, [{ kind: 'uid', inside: 0, host: 40, count: 11 }]],
  ]
  for (const [text, says, foreign] of refused) assert.throws(() => raw(text, foreign), says, text)
  // The control: ids that root may map.
  assert.equal(raw('both 1000 1001').length, 5)
})

test('lines that map an id twice are refused, and so are more than the kernel takes', () => {
  const check = (text: string) => checkRawLines(parseRawIdMap(text))
  assert.throws(() => check('both 1000 1000\nuid 1000 1001'), /map ids twice/)
  assert.throws(() => check('both 1000-1005 1000-1005\ngid 2000 1005'), /map ids twice/)
  check('uid 1000 1000\ngid 1000 1000\nboth 1001 1001')
  const many = hostIdSpans({ uid: 'root:1:50000\nroot:100000:131072', gid: 'root:100000:131072' })
  const lines = Array.from({ length: 170 }, (_, at) => `uid ${1000 + at} ${2 * at + 1}`).join('\n')
  assert.throws(
    () => withRawLines(sharedMap(many.pool), parseRawIdMap(lines), { ...many, foreign: [] }),
    /the uid map has 341 ranges .* takes 340/,
  )
})
