import assert from 'node:assert/strict'
import { mkdirSync, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { identityRecords } from '#store/identity-record.ts'
import { serverRecords } from '#store/server-record.ts'
import { openSqliteStore } from '#store/sqlite.ts'
import type { Change, Store } from '#store/store.ts'
import { isDaemonNeeded } from './needed.ts'

test('a daemon is needed where clients find no door open without it', async () => {
  const user = { method: 'unix', id: 'user:a', name: '' } as const
  const cases: readonly (readonly [boolean, (store: Store) => Change])[] = [
    [false, (store) => serverRecords(store).put({ config: { 'user.a': 'b' } }, 'global')],
    [true, (store) => serverRecords(store).put({ config: { 'core.https_address': ':8443' } }, 'global')],
    [true, (store) => serverRecords(store).put({ config: { 'core.metrics_address': ':8444' } }, 'global')],
    [true, (store) => identityRecords(store).put({ ...user, groups: ['g'] }, 'unix', user.id)],
    [false, (store) => identityRecords(store).put({ ...user, groups: [] }, 'unix', user.id)],
  ]
  for (const [needed, change] of cases) {
    const directory = mkdtempSync(join(tmpdir(), 'needed-'))
    assert.equal(await isDaemonNeeded(directory), false)
    mkdirSync(join(directory, 'database'))
    {
      await using store = openSqliteStore(join(directory, 'database', 'lxd.db'))
      await store.commit([change(store)])
    }
    assert.equal(await isDaemonNeeded(directory), needed)
    rmSync(directory, { recursive: true })
  }
})
