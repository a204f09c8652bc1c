import assert from 'node:assert/strict'
import { setTimeout as sleep } from 'node:timers/promises'
import { afterEach, beforeEach, test } from 'node:test'
import { silentLog } from '#base/log.ts'
import { Events } from '#events/events.ts'
import type { Event } from '#events/events.ts'
import { openSqliteStore } from '#store/sqlite.ts'
import type { Store } from '#store/store.ts'
import { Warnings } from './warnings.ts'

const hour = 3_600_000

let store: Store
let warnings: Warnings
let now: number
let heard: Event[]

beforeEach(() => {
  store = openSqliteStore(':memory:')
  now = Date.parse('2026-01-01T00:00:00Z')
  const events = new Events({ log: silentLog })
  heard = []
  events.subscribe((event) => heard.push(event))
  warnings = new Warnings({ store, events, log: silentLog, now: () => now })
})
afterEach(() => store[Symbol.asyncDispose]())

const network = (name: string) =>
  ({ type: 'Network unavailable', project: 'default', entity: `/1.0/networks/${name}`, message: 'no link' }) as const

test('what is raised again about the same thing is one warning that counts', async () => {
  warnings.raise(network('a'))
  await warnings.flush()
  now += hour
  warnings.raise(network('a'))
  warnings.raise({ ...network('a'), message: 'no address' })
  warnings.raise(network('b'))
  await warnings.flush()
  const [a, b] = [...warnings.list()].sort((one, other) => one.entity.localeCompare(other.entity))
  assert.deepEqual(
    { ...a, uuid: '' },
    {
      uuid: '',
      type: 'Network unavailable',
      project: 'default',
      entity: '/1.0/networks/a',
      severity: 'high',
      status: 'new',
      message: 'no address',
      count: 3,
      firstSeenAt: '2026-01-01T00:00:00.000Z',
      lastSeenAt: '2026-01-01T01:00:00.000Z',
      updatedAt: '2026-01-01T01:00:00.000Z',
    },
  )
  assert.equal(b?.count, 1)
})

test('a new warning is written by itself, and soon', async () => {
  warnings.raise(network('a'))
  await sleep(50)
  assert.equal(warnings.list().length, 1)
})

test('a flood of one warning is written once a second', async () => {
  warnings.raise(network('a'))
  await warnings.flush()
  let writes = 0
  store.watch('/warnings/', () => writes++)
  for (let round = 0; round < 50; round++) {
    warnings.raise(network('a'))
    await sleep(2)
  }
  assert.equal(writes, 0)
  await warnings.flush()
  assert.deepEqual([writes, warnings.list()[0]?.count], [1, 51])
})

test('a resolved warning that comes back is new; an acknowledged one stays acknowledged', async () => {
  warnings.raise(network('a'))
  await warnings.flush()
  const { uuid } = warnings.list()[0]!
  await warnings.setStatus(uuid, 'acknowledged')
  warnings.raise(network('a'))
  await warnings.flush()
  assert.equal(warnings.get(uuid).status, 'acknowledged')
  warnings.resolve('Network unavailable', '/1.0/networks/a')
  await warnings.flush()
  assert.equal(warnings.get(uuid).status, 'resolved')
  warnings.raise(network('a'))
  await warnings.flush()
  assert.equal(warnings.get(uuid).status, 'new')
})

test('resolving takes back what is not written yet, and what is about the entity named', async () => {
  warnings.raise(network('a'))
  warnings.raise(network('b'))
  warnings.resolve('Network unavailable', '/1.0/networks/a')
  await warnings.flush()
  assert.deepEqual(
    warnings.list().map(({ entity, status }) => [entity, status]),
    [['/1.0/networks/b', 'new']],
  )
  warnings.resolve('Network unavailable')
  await warnings.flush()
  assert.equal(warnings.list()[0]?.status, 'resolved')
})

test('what an earlier run met and this one did not is resolved', async () => {
  warnings.raise(network('a'))
  warnings.raise(network('b'))
  await warnings.flush()
  now += hour
  const start = now
  warnings.raise(network('b'))
  warnings.resolveOlderThan(start)
  await warnings.flush()
  assert.deepEqual(
    warnings
      .list()
      .map(({ entity, status }) => `${entity} ${status}`)
      .sort(),
    ['/1.0/networks/a resolved', '/1.0/networks/b new'],
  )
})

test('what has been resolved for a day goes', async () => {
  warnings.raise(network('a'))
  warnings.raise(network('b'))
  await warnings.flush()
  warnings.resolve('Network unavailable', '/1.0/networks/a')
  await warnings.flush()
  now += 23 * hour
  await warnings.prune()
  assert.equal(warnings.list().length, 2)
  now += 2 * hour
  await warnings.prune()
  assert.deepEqual(
    warnings.list().map(({ entity }) => entity),
    ['/1.0/networks/b'],
  )
})

test('clients say new or acknowledged, and nothing else; events tell of it', async () => {
  warnings.raise(network('a'))
  await warnings.flush()
  const { uuid } = warnings.list()[0]!
  await assert.rejects(warnings.setStatus(uuid, 'resolved'), /Status may only be set/)
  await assert.rejects(warnings.setStatus(uuid, 'x'), /"status" "x": expected/)
  await assert.rejects(warnings.setStatus('nope', 'new'), /Warning not found/)
  await warnings.setStatus(uuid, 'acknowledged')
  await warnings.setStatus(uuid, 'new')
  await warnings.delete(uuid)
  await assert.rejects(warnings.delete(uuid), /Warning not found/)
  assert.deepEqual(
    heard.map(({ metadata }) => metadata),
    ['warning-acknowledged', 'warning-reset', 'warning-deleted'].map((action) => ({
      action,
      source: `/1.0/warnings/${uuid}`,
    })),
  )
})
