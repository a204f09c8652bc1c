import assert from 'node:assert/strict'
import { test } from 'node:test'
import { silentLog } from '#base/log.ts'
import { Events } from '#events/events.ts'
import type { Event } from '#events/events.ts'
import { openSqliteStore } from '#store/sqlite.ts'
import { ServerConfig } from './server-config.ts'

function makeConfig() {
  const events = new Events({ log: silentLog })
  const heard: Event[] = []
  events.subscribe((event) => heard.push(event))
  return { config: new ServerConfig({ store: openSqliteStore(':memory:'), events }), heard }
}

test('a fresh server has nothing set, and defaults', () => {
  const { config } = makeConfig()
  assert.deepEqual(config.get(), {})
  assert.deepEqual(config.values(), { 'core.shutdown_timeout': 5 })
})

test('what is set is kept, empty values unset', async () => {
  const { config, heard } = makeConfig()
  await config.replace({ 'core.shutdown_timeout': '1', 'user.a': 'b', 'user.c': '' })
  assert.deepEqual(config.get(), { 'core.shutdown_timeout': '1', 'user.a': 'b' })
  assert.deepEqual(config.values(), { 'core.shutdown_timeout': 1 })
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

test('of two changes at once, one is refused', async () => {
  const { config } = makeConfig()
  const results = await Promise.allSettled([config.replace({ 'user.a': '1' }), config.replace({ 'user.a': '2' })])
  assert.deepEqual(
    results.map(({ status }) => status),
    ['fulfilled', 'rejected'],
  )
})
