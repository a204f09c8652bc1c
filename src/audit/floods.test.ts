import assert from 'node:assert/strict'
import { test } from 'node:test'
import { Floods, networkOf } from './floods.ts'

test('an address is what one client has of it', () => {
  for (const [address, expected] of [
    ['192.0.2.1:4000', '192.0.2.1'],
    ['192.0.2.1', '192.0.2.1'],
    ['[2001:db8:0:1::5]:4000', '2001:db8:0:1::/64'],
    ['[2001:db8::5]:4000', '2001:db8:0:0::/64'],
    ['[::ffff:192.0.2.1]:4000', '192.0.2.1'],
    ['[fe80::1%eth0]:1', 'fe80:0:0:0::/64'],
    ['@', '@'],
    ['uid 1000', 'uid 1000'],
    ['', ''],
  ] as const) {
    assert.equal(networkOf(address), expected)
  }
})

test('of a flood from one address some lines are written and the rest counted; others are not held back', () => {
  const told: [string, number][] = []
  const floods = new Floods((address, count) => told.push([address, count]))
  const admitted = Array.from({ length: 1000 }, (_, port) => floods.admit(`192.0.2.1:${port}`)).filter(Boolean)
  assert.equal(admitted.length, 30)
  assert.ok(floods.admit('192.0.2.2:1'))
  floods.flush()
  assert.deepEqual(told, [['192.0.2.1', 970]])
  assert.ok(floods.admit('192.0.2.1:1'))
  floods.flush()
  assert.equal(told.length, 1)
})

test('a flood from many addresses is bounded as a whole', () => {
  let leftOut = 0
  const floods = new Floods((_, count) => (leftOut += count))
  let written = 0
  for (let host = 0; host < 100_000; host++)
    if (floods.admit(`10.${host >> 16}.${(host >> 8) & 255}.${host & 255}:1`)) written++
  assert.ok(written <= 1024 + 30, `${written}`)
  floods.flush()
  assert.equal(written + leftOut, 100_000)
})
