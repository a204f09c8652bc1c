import assert from 'node:assert/strict'
import { test } from 'node:test'
import Type from 'typebox'
import { Failure } from '#base/failure.ts'
import { Devices, StringList, StringMap, Timestamp } from './common.ts'
import { decode, zeroTime } from './decode.ts'

const Inner = Type.Object({ live: Type.Boolean(), port: Type.Integer({ minimum: 1, maximum: 65_535 }) })
const Body = Type.Object({
  name: Type.String(),
  config: StringMap,
  devices: Devices,
  profiles: StringList,
  inner: Inner,
  expires_at: Timestamp,
  record: Type.Number(),
  extra: Type.Unknown(),
  description: Type.Optional(Type.String()),
})

const zeroes = {
  name: '',
  config: {},
  devices: {},
  profiles: [],
  inner: { live: false, port: 0 },
  expires_at: zeroTime,
  record: 0,
  extra: null,
}

test('absent fields and null are zero values, optional fields stay absent', () => {
  assert.deepEqual(decode(Body, {}), zeroes)
  assert.deepEqual(decode(Body, null), zeroes)
  assert.deepEqual(
    decode(Body, Object.fromEntries([...Object.keys(zeroes), 'description'].map((name) => [name, null]))),
    zeroes,
  )
  assert.equal(decode(Body, { description: '' }).description, '')
})

test('unknown fields are ignored', () => {
  assert.deepEqual(decode(Inner, { live: true, other: 1 }), { live: true, port: 0 })
})

test('names match without regard to case, an exact match first', () => {
  assert.equal(decode(Body, { Name: 'a' }).name, 'a')
  assert.equal(decode(Body, { NAME: 'a', name: 'b', Name: 'c' }).name, 'b')
  assert.deepEqual(decode(Body, { config: { 'User.A': 'x' } }).config, { 'User.A': 'x' })
})

test('a null inside a map is the zero value', () => {
  assert.deepEqual(decode(Body, { config: { a: null }, devices: { eth0: null } }), {
    ...zeroes,
    config: { a: '' },
    devices: { eth0: {} },
  })
})

test('a wrong type names the field and what it must be', () => {
  for (const [json, message] of [
    [[], 'Invalid request: the body must be an object, found a list'],
    ['x', 'Invalid request: the body must be an object, found "x"'],
    [{ name: 1 }, 'Invalid request: "name" must be a string, found 1'],
    [{ name: 'a\u{d800}' }, 'Invalid request: "name" must be well-formed Unicode, found "a\\ud800"'],
    [{ config: { '\u{d800}': '' } }, 'Invalid request: "config" has an entry whose name is not well-formed Unicode'],
    [{ config: { 'limits.cpu': 2 } }, 'Invalid request: "config.limits.cpu" must be a string, found 2'],
    [{ config: 'x' }, 'Invalid request: "config" must be an object, found "x"'],
    [{ devices: { eth0: { mtu: {} } } }, 'Invalid request: "devices.eth0.mtu" must be a string, found an object'],
    [{ profiles: ['a', 2] }, 'Invalid request: "profiles[1]" must be a string, found 2'],
    [{ profiles: {} }, 'Invalid request: "profiles" must be a list, found an object'],
    [{ inner: { live: 'yes' } }, 'Invalid request: "inner.live" must be a boolean, found "yes"'],
    [{ inner: { port: 1.5 } }, 'Invalid request: "inner.port" must be an integer, found 1.5'],
    [{ inner: { port: 2 ** 60 } }, `Invalid request: "inner.port" must be an integer, found ${2 ** 60}`],
    [{ inner: { port: 70_000 } }, 'Invalid request: "inner.port" must be at most 65535, found 70000'],
    [{ inner: { port: -1 } }, 'Invalid request: "inner.port" must be at least 1, found -1'],
    [{ record: '1' }, 'Invalid request: "record" must be a number, found "1"'],
    [
      { expires_at: 'tomorrow' },
      'Invalid request: "expires_at" must be a time such as "0001-01-01T00:00:00Z", found "tomorrow"',
    ],
    [
      { expires_at: '2024-13-41T00:00:00Z' },
      'Invalid request: "expires_at" must be a time such as "0001-01-01T00:00:00Z", found "2024-13-41T00:00:00Z"',
    ],
  ] as const) {
    assert.throws(
      () => decode(Body, json),
      (error) => error instanceof Failure && error.kind === 'bad-request' && error.message === message,
      JSON.stringify(json),
    )
  }
})

test('size, count and depth are bounded', () => {
  let deep: unknown = 1
  for (let level = 0; level < 40; level++) deep = { deep }

  assert.throws(() => decode(Body, { extra: deep }), /"extra" is nested more than 32 levels deep/)
  assert.throws(() => decode(Body, { profiles: Array(10_001).fill('a') }), /"profiles" has more than 10000 items/)
  const many = Object.fromEntries(Array.from({ length: 10_001 }, (_, index) => [`user.${index}`, 'x']))
  assert.throws(() => decode(Body, { config: many }), /"config" has more than 10000 entries/)
})

test('a body cannot reach the prototype', () => {
  assert.throws(() => decode(Body, JSON.parse('{"config": {"__proto__": "x"}}')), /"config" has an entry "__proto__"/)
  assert.throws(() => decode(Body, JSON.parse('{"extra": {"a": {"__proto__": {}}}}')), /has an entry "__proto__"/)
  assert.equal(decode(Type.Object({ toString: Type.String() }), {}).toString, '')
})
