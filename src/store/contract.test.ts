import assert from 'node:assert/strict'
import { mkdtempSync, rmSync } from 'node:fs'
import { DatabaseSync } from 'node:sqlite'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { describe, test } from 'node:test'
import { Failure } from '#base/failure.ts'
import { openSqliteStore } from './sqlite.ts'
import type { Changed, Store } from './store.ts'

/** What every store must do. `open` gives a store on the same data each time it is called. */
function storeContract(name: string, open: () => Store): void {
  describe(name, () => {
    test('a document is read back with the revision of its write', async () => {
      await using store = open()
      const revision = await store.commit([{ type: 'put', key: '/a/1', value: { n: 1 } }])
      assert.deepEqual(store.get('/a/1'), { key: '/a/1', value: { n: 1 }, revision })
    })

    test('a list holds the keys below its prefix only, in order', async () => {
      await using store = open()
      await store.commit(['/l/b', '/l/a', '/la', '/l/c'].map((key) => ({ type: 'put', key, value: key })))
      assert.deepEqual(
        store.list('/l/').map(({ value }) => value),
        ['/l/a', '/l/b', '/l/c'],
      )
    })

    test('a commit whose comparison fails writes nothing', async () => {
      await using store = open()
      const revision = await store.commit([{ type: 'put', key: '/c/1', value: 1 }])
      const commit = store.commit(
        [
          { type: 'put', key: '/c/2', value: 2 },
          { type: 'delete', key: '/c/1' },
        ],
        [{ key: '/c/1', revision: revision + 1 }],
      )
      await assert.rejects(commit, (error) => error instanceof Failure && error.kind === 'conflict')
      assert.equal(store.get('/c/2'), undefined)
      assert.equal(store.get('/c/1')?.value, 1)
    })

    test('of two creations of one key at once, one is refused', async () => {
      await using store = open()
      const create = (value: number) =>
        store.commit([{ type: 'put', key: '/race', value }], [{ key: '/race', revision: 0 }])
      const results = await Promise.allSettled([create(1), create(2)])
      assert.deepEqual(
        results.map(({ status }) => status),
        ['fulfilled', 'rejected'],
      )
      assert.equal(store.get('/race')?.value, 1)
    })

    test('a commit can ask that nothing below a prefix was written since', async () => {
      await using store = open()
      await store.commit([{ type: 'put', key: '/u/a/1', value: 1 }])
      const since = store.revision
      const compare = (prefix: string) => [{ unchangedBelow: prefix, since }]
      const commit = (prefix: string) => store.commit([{ type: 'put', key: '/u/done', value: 1 }], compare(prefix))
      await commit('/u/a/')
      assert.equal(store.holds(compare('/u/a/')), true)
      // One that is written in the same turn counts, too.
      const [, refused] = await Promise.allSettled([
        store.commit([{ type: 'put', key: '/u/a/2', value: 1 }]),
        commit('/u/a/'),
      ])
      assert.equal(refused.status, 'rejected')
      assert.equal(store.holds(compare('/u/a/')), false)
      await commit('/u/b/')
    })

    test('a commit can ask that nothing is below a prefix', async () => {
      await using store = open()
      await store.commit([{ type: 'put', key: '/n/a/1', value: 1 }])
      const commit = (prefix: string) =>
        store.commit([{ type: 'put', key: '/n/done', value: 1 }], [{ noneBelow: prefix }])
      await assert.rejects(commit('/n/a/'), (error) => error instanceof Failure && error.kind === 'conflict')
      assert.equal(store.get('/n/done'), undefined)
      await commit('/n/b/')
    })

    test('revisions grow with every commit and never repeat', async () => {
      await using store = open()
      const first = await store.commit([{ type: 'put', key: '/r', value: 1 }])
      await store.commit([{ type: 'delete', key: '/r' }])
      const again = await store.commit([{ type: 'put', key: '/r', value: 1 }])
      assert.ok(again > first + 1)
    })

    test('a watcher hears of writes below its prefix until it is disposed', async () => {
      await using store = open()
      const heard: Changed[] = []
      const watch = store.watch('/w/', (changed) => heard.push(changed))
      const revision = await store.commit([
        { type: 'put', key: '/w/1', value: 1 },
        { type: 'put', key: '/x', value: 1 },
      ])
      await store.commit([{ type: 'delete', key: '/w/1' }])
      watch[Symbol.dispose]()
      await store.commit([{ type: 'put', key: '/w/2', value: 1 }])
      assert.deepEqual(heard, [
        { key: '/w/1', entry: { key: '/w/1', value: 1, revision } },
        { key: '/w/1', entry: undefined },
      ])
    })

    test('what was read can not be changed in place', async () => {
      await using store = open()
      await store.commit([{ type: 'put', key: '/f', value: { list: [1] } }])
      const value = store.get('/f')?.value as { list: number[] }
      assert.throws(() => value.list.push(2), TypeError)
    })

    test('a closed store refuses to write', async () => {
      const store = open()
      await store[Symbol.asyncDispose]()
      await assert.rejects(store.commit([{ type: 'delete', key: '/a' }]), /closed/)
    })
  })
}

storeContract('SQLite in memory', () => openSqliteStore(':memory:'))

test('a store file keeps its documents and its counter', async () => {
  const directory = mkdtempSync(join(tmpdir(), 'store-'))
  try {
    const file = join(directory, 'lxd.db')
    let revision
    {
      await using store = openSqliteStore(file)
      await store.commit([{ type: 'put', key: '/a', value: { deep: [1, null, 'x'] } }])
      revision = await store.commit([{ type: 'put', key: '/b', value: 1 }])
    }
    await using store = openSqliteStore(file)
    assert.deepEqual(store.get('/a')?.value, { deep: [1, null, 'x'] })
    assert.ok((await store.commit([{ type: 'delete', key: '/b' }])) > revision)
  } finally {
    rmSync(directory, { recursive: true })
  }
})

test('a file of a newer version is refused and left alone', () => {
  const directory = mkdtempSync(join(tmpdir(), 'store-'))
  try {
    const file = join(directory, 'lxd.db')
    const database = new DatabaseSync(file)
    database.exec('PRAGMA user_version = 99')
    database.close()
    assert.throws(() => openSqliteStore(file), /schema version is 99/)
    const after = new DatabaseSync(file)
    assert.equal(after.prepare('PRAGMA user_version').get()?.['user_version'], 99)
    after.close()
  } finally {
    rmSync(directory, { recursive: true })
  }
})
