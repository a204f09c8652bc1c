import assert from 'node:assert/strict'
import { test } from 'node:test'
import { badRequest } from '#base/failure.ts'
import { silentLog } from '#base/log.ts'
import { Events } from '#events/events.ts'
import type { Event } from '#events/events.ts'
import { openSqliteStore } from '#store/sqlite.ts'
import type { ConfigPart } from './config-part.ts'
import { ServerConfig } from './server-config.ts'

function makeConfig() {
  const events = new Events({ log: silentLog })
  const heard: Event[] = []
  events.subscribe((event) => heard.push(event))
  return { config: new ServerConfig({ store: openSqliteStore(':memory:'), events, log: silentLog }), heard }
}

test('a fresh server has nothing set, and defaults', () => {
  const { config } = makeConfig()
  assert.deepEqual(config.get(), {})
  assert.equal(config.values()['core.shutdown_timeout'], 5)
})

test('what is set is kept, empty values unset', async () => {
  const { config, heard } = makeConfig()
  await config.replace({ 'core.shutdown_timeout': '1', 'user.a': 'b', 'user.c': '' })
  assert.deepEqual(config.get(), { 'core.shutdown_timeout': '1', 'user.a': 'b' })
  assert.equal(config.values()['core.shutdown_timeout'], 1)
  assert.deepEqual(heard[0]?.metadata, { action: 'config-updated', source: '/1.0' })

  await config.replace({})
  assert.deepEqual(config.get(), {})
})

test('keys without effect and wrong values are refused, and nothing changes', async () => {
  const { config } = makeConfig()
  await config.replace({ 'user.a': 'b' })
  for (const [wrong, message] of [
    [{ 'core.shutdown_timout': '1' }, /nearest known key is "core.shutdown_timeout"/],
    [{ 'candid.api.url': 'x' }, /Invalid server configuration: Unknown configuration key "candid.api.url"/],
    [{ 'core.shutdown_timeout': 'x' }, /"core.shutdown_timeout": .*expected a whole number from 0 to/],
    [{ 'core.shutdown_timeout': '-1' }, /expected a whole number from 0 to/],
  ] as const) {
    await assert.rejects(config.replace(wrong), message)
  }
  assert.deepEqual(config.get(), { 'user.a': 'b' })
})

test('changes come one after the other, each made of what the one before left', async () => {
  const { config } = makeConfig()
  const add = (name: string) => config.update((shown) => ({ ...shown, [name]: '1' }))
  await Promise.all([add('user.a'), add('user.b'), add('user.c')])
  assert.deepEqual(config.get(), { 'user.a': '1', 'user.b': '1', 'user.c': '1' })
})

/** A part that writes down what it is asked to do. */
function makePart(name: string, did: string[], more: Partial<ConfigPart> = {}): ConfigPart {
  return {
    keys: ['core.shutdown_timeout'],
    check: ({ values }) => void did.push(`${name} checks ${values['core.shutdown_timeout']}`),
    apply: ({ before, after }) => {
      did.push(`${name} applies ${after['core.shutdown_timeout']} for ${before['core.shutdown_timeout']}`)
      return { undo: () => void did.push(`${name} undoes`), finish: () => void did.push(`${name} finishes`) }
    },
    ...more,
  }
}

test('parts are asked about changes of their keys: all check, then all act, then the change is on disk', async () => {
  const { config } = makeConfig()
  const did: string[] = []
  config.use(makePart('a', did))
  config.use(makePart('b', did))
  await config.replace({ 'user.x': '1' })
  assert.deepEqual(did, [])
  await config.replace({ 'core.shutdown_timeout': '1' })
  assert.deepEqual(did, [
    'a checks 1',
    'b checks 1',
    'a applies 1 for undefined',
    'b applies 1 for undefined',
    'a finishes',
    'b finishes',
  ])
})

test('where a part fails, those before it take back what they did, and nothing changes', async () => {
  const { config, heard } = makeConfig()
  const did: string[] = []
  config.use(makePart('a', did))
  config.use(makePart('b', did))
  config.use(makePart('c', did, { apply: () => Promise.reject(badRequest('cannot')) }))
  await assert.rejects(config.replace({ 'core.shutdown_timeout': '1' }), /cannot/)
  assert.deepEqual(did.slice(-4), ['a applies 1 for undefined', 'b applies 1 for undefined', 'b undoes', 'a undoes'])
  assert.deepEqual(config.get(), {})
  assert.deepEqual(heard, [])
})

test('where a part finds fault, none acts', async () => {
  const { config } = makeConfig()
  const did: string[] = []
  config.use(makePart('a', did))
  config.use(makePart('b', did, { check: () => Promise.reject(badRequest('no')) }))
  await assert.rejects(config.replace({ 'core.shutdown_timeout': '1' }), /no/)
  assert.deepEqual(did, ['a checks 1'])
})

test('a part may have something else stored than what was given; families are its keys too', async () => {
  const { config } = makeConfig()
  config.use({ keys: ['user.*'], seal: ({ after }) => ({ 'user.a': `sealed ${after['user.a']?.length}` }) })
  await config.replace({ 'user.a': 'four', 'user.b': 'x' })
  assert.deepEqual(config.get(), { 'user.a': 'sealed 4', 'user.b': 'x' })
})
