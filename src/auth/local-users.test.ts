import assert from 'node:assert/strict'
import { test } from 'node:test'
import { silentLog } from '#base/log.ts'
import { Events } from '#events/events.ts'
import type { Run } from '#host/run.ts'
import { openSqliteStore } from '#store/sqlite.ts'
import { AccessStore } from './access-store.ts'
import { Groups } from './groups.ts'
import { Identities } from './identities.ts'
import { LocalUsers } from './local-users.ts'
import type { Peer } from './local-users.ts'

/** A host with these users and groups, by name. */
async function scene(ids: Record<string, number>) {
  const store = openSqliteStore(':memory:')
  const events = new Events({ log: silentLog })
  const access = new AccessStore(store)
  const groups = new Groups({ access, events })
  const identities = new Identities({ access, events, certificates: () => [] })
  await groups.create('viewers', { description: '', grants: [{ role: 'viewer' }] })
  const clock = { now: 0 }
  const asked: string[][] = []
  const run: Run = async (_program, [database = '', ...names]) => {
    asked.push([database, ...names])
    if (ids['broken']) throw new Error('no name service')
    const lines = names.flatMap((name) => (ids[name] === undefined ? [] : [`${name}:x:${ids[name]}:`]))
    return { code: 0, stdout: lines.join('\n'), stderr: '' }
  }
  const users = new LocalUsers({ store, access, groups, run, log: silentLog, gid: 105, now: () => clock.now })
  const map = (id: string) => identities.create('unix', { id, name: '', groups: ['viewers'] })
  return { users, identities, groups, map, clock, ids, asked }
}

const peer = (uid: number, ...gids: number[]): Peer => ({ uid, pid: 1, gids: new Set(gids) })

test('users and groups of the host count by number and by name', async () => {
  const { users, map } = await scene({ alice: 1000, staff: 50 })
  await map('user:alice')
  await map('group:staff')
  await map('uid:2000')
  await map('gid:60')
  const isKnown = async (who: Peer) => (await users.identify(who)) !== undefined
  assert.equal(await isKnown(peer(1000, 1000)), true)
  assert.equal(await isKnown(peer(2000, 2000)), true)
  assert.equal(await isKnown(peer(3000, 3000, 50)), true)
  assert.equal(await isKnown(peer(3000, 60)), true)
  assert.equal(await isKnown(peer(3000, 3000)), false)
  // A user's number is no group's, and the other way round.
  assert.equal(await isKnown(peer(50, 1000, 2000)), false)
  assert.equal(await isKnown(peer(60, 1000)), false)
})

test('root and the group of administrators may do anything, whatever is mapped', async () => {
  const { users, asked } = await scene({})
  for (const who of [peer(0, 0), peer(1000, 1000, 105)]) {
    const identity = await users.identify(who)
    assert.deepEqual([identity?.trusted, identity?.grants], [true, [{ role: 'admin' }]])
  }
  assert.deepEqual(asked, [])
})

test('a name without a user, or of digits, is nobody', async () => {
  const { users, map, asked } = await scene({})
  await map('user:1000')
  await map('user:ghost')
  assert.equal(await users.identify(peer(1000, 1000)), undefined)
  assert.deepEqual(asked, [['passwd', 'ghost']])
})

test('who had a name before is nobody soon after somebody else has it', async () => {
  const { users, map, clock, ids, asked } = await scene({ alice: 1000 })
  await map('user:alice')
  const alice = await users.identify(peer(1000, 1000))
  ids['alice'] = 1001
  clock.now = 9_999
  assert.notEqual(await users.identify(peer(1000, 1000)), undefined)
  assert.equal(asked.length, 1)
  clock.now = 10_000
  assert.equal(await users.identify(peer(1000, 1000)), undefined)
  assert.notEqual(await users.identify(peer(1001, 1001)), undefined)
  assert.deepEqual([alice?.trusted, alice?.grants], [false, []])
})

test('while the host can not be asked, nobody is anybody by name', async () => {
  const { users, map, clock, ids } = await scene({ alice: 1000 })
  await map('user:alice')
  await map('uid:7')
  assert.notEqual(await users.identify(peer(1000, 1000)), undefined)
  ids['broken'] = 1
  clock.now = 20_000
  assert.equal(await users.identify(peer(1000, 1000)), undefined)
  assert.notEqual(await users.identify(peer(7, 7)), undefined)
})

test('what changes while a connection is open counts at once', async () => {
  const { users, identities, groups, map } = await scene({ alice: 1000 })
  await map('user:alice')
  const alice = await users.identify(peer(1000, 1000))
  assert.deepEqual(alice?.grants, [{ role: 'viewer' }])
  assert.deepEqual(alice?.memberships.ids, ['user:alice'])
  await groups.update('viewers', () => ({ description: '', grants: [{ role: 'operator' }] }))
  assert.deepEqual(alice?.grants, [{ role: 'operator' }])
  await identities.delete('unix', 'user:alice')
  assert.deepEqual([alice?.trusted, alice?.grants, users.any], [false, [], false])
})
