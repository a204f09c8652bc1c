import assert from 'node:assert/strict'
import { test } from 'node:test'
import { opens, seal, TrustPassword } from './trust-password.ts'

const name = 'core.trust_password'
const silent = { raise: () => {}, resolve: () => {} }

test('what is stored tells nothing of the password, and never the same twice', async () => {
  const [a, b] = await Promise.all([seal('sesame'), seal('sesame')])
  assert.notEqual(a, b)
  assert.match(a, /^scrypt:32768:8:1:[A-Za-z0-9+/=]{44}:[A-Za-z0-9+/=]{44}$/)
  assert.ok(!a.includes('sesame'))
  assert.equal(await opens(a, 'sesame'), true)
  assert.equal(await opens(a, 'Sesame'), false)
  // It is no password itself.
  assert.equal(await opens(a, a), false)
  assert.equal(await opens('sesame', 'sesame'), false)
})

test('without a password none is right', async () => {
  const password = new TrustPassword({ stored: () => undefined, warnings: silent })
  for (const text of ['', 'undefined', 'true']) assert.equal(await password.matches(text), false)
})

test('too many at once are sent away rather than kept', async () => {
  const stored = await seal('sesame')
  const password = new TrustPassword({ stored: () => stored, warnings: silent })
  const results = await Promise.allSettled(Array.from({ length: 60 }, () => password.matches('x'.repeat(1025))))
  assert.ok(results.every((result) => result.status === 'fulfilled' && !result.value))
  const many = Array.from({ length: 51 }, (_, index) => password.matches(`wrong ${index}`))
  await assert.rejects(many[50]!, { kind: 'unavailable' })
  await Promise.allSettled(many)
  assert.equal(await password.matches('sesame'), true)
})

test('its part of the configuration hashes, warns and refuses', async () => {
  const raised: string[] = []
  const warnings = { raise: () => void raised.push('raised'), resolve: () => void raised.push('resolved') }
  const { part } = new TrustPassword({ stored: () => undefined, warnings })
  const sealed = await part.seal({ before: {}, after: { [name]: 'sesame' } })
  assert.equal(await opens(String(sealed[name]), 'sesame'), true)
  assert.deepEqual(await part.seal({ before: { [name]: 'x' }, after: {} }), {})

  part.check({ before: {}, after: { [name]: 'sesame' } })
  assert.throws(() => part.check({ before: {}, after: { [name]: 'true' } }), /expected another password/)
  assert.throws(() => part.check({ before: {}, after: { [name]: 'x'.repeat(1025) } }), /at most 1024/)

  part.apply({ before: {}, after: { [name]: 'sesame' } }).undo()
  part.apply({ before: { [name]: 'a' }, after: {} }).undo()
  assert.deepEqual(raised, ['raised', 'resolved', 'resolved', 'raised'])
})
