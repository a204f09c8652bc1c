import assert from 'node:assert/strict'
import { test } from 'node:test'
import { checkConfig, readConfig, withoutEmpty } from './config.ts'
import { bool, choice, duration, integer, list, size, string } from './key.ts'

const keys = {
  'security.mac_filtering': bool({ doc: 'Filter.', default: 'false' }),
  'limits.memory': size({ doc: 'Memory.' }),
  'limits.cpu.priority': integer({ doc: 'Priority.', min: 0, max: 10, default: '10' }),
  mode: choice(['a', 'b'], { doc: 'Mode.' }),
  expiry: duration({ doc: 'Expiry.' }),
  items: list((item) => item, { doc: 'Items.' }),
  'user.*': string({ doc: 'Free.' }),
  'volatile.*.hwaddr': string({ doc: 'MAC.' }),
}

test('a boolean takes the spellings of LXD and nothing else', () => {
  for (const text of ['true', '1', 'yes', 'on', 'TRUE', 'false', '0', 'no', 'off']) {
    checkConfig('instance', keys, { 'security.mac_filtering': text })
  }
  for (const text of ['ture', 'enabled', ' true', 't']) {
    assert.throws(
      () => checkConfig('instance', keys, { 'security.mac_filtering': text }),
      /"security.mac_filtering": .*expected true or false/,
    )
  }
})

test('an unknown key is named together with the nearest known one', () => {
  assert.throws(
    () => checkConfig('instance', keys, { 'security.mac_filterin': 'true' }),
    /Unknown configuration key "security.mac_filterin", the nearest known key is "security.mac_filtering"/,
  )
  assert.throws(() => checkConfig('instance', keys, { __proto__x: '1' }), /Unknown configuration key/)
})

test('families take any name', () => {
  checkConfig('instance', keys, { 'user.a': 'x', 'user.a.b': 'y', 'volatile.eth0.hwaddr': 'z' })
  assert.throws(() => checkConfig('instance', keys, { 'user.': 'x' }), /Unknown/)
})

test('values are read, defaults filled in', () => {
  const values = readConfig(keys, { 'limits.memory': '1KiB', mode: 'b', items: 'a, b', expiry: '1H' })
  assert.deepEqual(values, {
    'security.mac_filtering': false,
    'limits.memory': 1024,
    'limits.cpu.priority': 10,
    mode: 'b',
    expiry: 3_600_000,
    items: ['a', 'b'],
  })
})

test('wrong values say what was expected', () => {
  for (const [config, message] of [
    [{ 'limits.memory': '10 apples' }, /"limits.memory": Cannot read size/],
    [{ 'limits.cpu.priority': '11' }, /"limits.cpu.priority": .*from 0 to 10/],
    [{ 'limits.cpu.priority': '1.5' }, /expected a whole number/],
    [{ mode: 'c' }, /expected one of a, b/],
    [{ expiry: '1x' }, /expected numbers with a unit/],
    [{ items: 'a,,b' }, /expected items separated by commas/],
  ] as const) {
    assert.throws(() => checkConfig('instance', keys, config), message)
  }
})

test('an empty value is an unset key', () => {
  checkConfig('instance', keys, { 'limits.memory': '' })
  assert.deepEqual(withoutEmpty({ a: '', b: 'x' }), { b: 'x' })
})
