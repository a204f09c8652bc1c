import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { IdMap } from '#base/idmap.ts'
import { formatIdMap, isolatedMap, overlap, readIdMap, rootSpan, sharedMap } from './idmaps.ts'

const spans = { uid: { base: 100_000, count: 10_000_001 }, gid: { base: 100_000, count: 10_000_001 } }

test("root's largest range is taken, or LXD's where there is none", () => {
  assert.deepEqual(rootSpan('_lxd:100000:10000001\nroot:100000:65536\nroot:200000:1000000\n'), {
    base: 200_000,
    count: 1_000_000,
  })
  assert.deepEqual(rootSpan('root:x:y\nroot:0:70000\nuser:1:2'), { base: 1_000_000, count: 1_000_000_000 })
  assert.deepEqual(rootSpan(undefined), { base: 1_000_000, count: 1_000_000_000 })
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
  assert.deepEqual(map, [{ kind: 'both', inside: 0, host: wanted, count: 65_536 }])
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
