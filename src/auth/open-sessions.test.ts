import assert from 'node:assert/strict'
import { test } from 'node:test'
import { identityRecords } from '#store/identity-record.ts'
import { openSqliteStore } from '#store/sqlite.ts'
import type { Grant } from './identity.ts'
import { OpenSessions } from './open-sessions.ts'

test('a session ends when its client loses any of what it might do, and not otherwise', async () => {
  const store = openSqliteStore(':memory:')
  const records = identityRecords(store)
  const sessions = new OpenSessions(store)
  const write = () =>
    store.commit([records.put({ method: 'unix', id: 'user:a', name: '', groups: [] }, 'unix', 'user:a')])
  const client: { grants: readonly Grant[] } = { grants: [{ role: 'viewer' }, { role: 'operator', project: 'p' }] }
  let ended = 0
  const session = sessions.track(client, () => ended++)
  await write()
  client.grants = [...client.grants, { role: 'admin' }]
  await write()
  assert.equal(ended, 0)
  client.grants = [{ role: 'viewer' }, { role: 'operator', project: 'q' }, { role: 'admin' }]
  await store.commit([{ type: 'put', key: '/projects/x', value: {} }])
  assert.equal(ended, 0, 'this says nothing of who may do what')
  await write()
  assert.equal(ended, 1)
  session[Symbol.dispose]()
  await write()
  assert.equal(ended, 1)
})
