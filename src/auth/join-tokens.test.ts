import assert from 'node:assert/strict'
import { test } from 'node:test'
import { setImmediate as turn } from 'node:timers/promises'
import { silentLog } from '#base/log.ts'
import { Events } from '#events/events.ts'
import type { Operation } from '#operations/operation.ts'
import { Operations } from '#operations/operations.ts'
import { JoinTokens, secretOfToken } from './join-tokens.ts'

const request = { name: 'x', restricted: true, projects: ['p'] }
const day = 86_400_000

function makeTokens(expiry?: number) {
  const clock = { now: Date.parse('2030-01-01T00:00:00Z') }
  const events = new Events({ log: silentLog })
  const heard: unknown[] = []
  events.subscribe((event) => heard.push(event))
  const tokens = new JoinTokens({
    operations: new Operations({ events, log: silentLog }),
    server: () => ({ fingerprint: 'ab', addresses: ['192.0.2.1:8443'] }),
    expiry: () => expiry,
    now: () => clock.now,
  })
  return { tokens, clock, heard }
}

const told = (operation: Operation) =>
  (operation.toJson(true) as { metadata: { secret: string; expiresAt?: string } & Record<string, unknown> }).metadata

test('whoever made a token is told all that its text is made from, and events tell nothing of it', async () => {
  const { tokens, heard } = makeTokens(day)
  const operation = tokens.create(request)
  await turn()
  const { secret, ...rest } = told(operation)
  assert.match(secret, /^[0-9a-f]{64}$/)
  assert.deepEqual(rest, {
    fingerprint: 'ab',
    addresses: ['192.0.2.1:8443'],
    request: { ...request, type: 'client', certificate: '', password: '', token: true },
    expiresAt: '2030-01-02T00:00:00.000Z',
  })
  assert.equal(operation.class, 'token')
  assert.ok(heard.length > 0)
  assert.doesNotMatch(JSON.stringify(heard), /secret|addresses|request/)
  operation.cancel()
  await operation.done
})

test('a token is claimed by one, and again only where it was given back', async () => {
  const { tokens } = makeTokens()
  const operation = tokens.create(request)
  await turn()
  const { secret } = told(operation)
  assert.equal(tokens.claim('0'.repeat(64)), undefined)
  const claim = tokens.claim(secret)
  assert.deepEqual(claim?.request, request)
  assert.equal(tokens.claim(secret), undefined)
  claim.giveBack()
  tokens.claim(secret)?.used()
  await operation.done
  assert.equal(operation.status, 'Success')
  assert.equal(tokens.claim(secret), undefined)
})

test('what was revoked can not be claimed, not even in the same turn, and not given back either', async () => {
  const { tokens } = makeTokens()
  const [first, second] = [tokens.create(request), tokens.create(request)]
  await turn()
  first.cancel()
  assert.equal(tokens.claim(told(first).secret), undefined)
  const claim = tokens.claim(told(second).secret)
  second.cancel()
  claim?.giveBack()
  assert.equal(tokens.claim(told(second).secret), undefined)
  await second.done
  assert.equal(second.status, 'Cancelled')
})

test('a token ends with its time, however long that is', async () => {
  const { tokens, clock } = makeTokens(400 * day)
  const operation = tokens.create(request)
  await turn()
  const { secret } = told(operation)
  clock.now += 400 * day
  assert.equal(tokens.claim(secret), undefined)
  clock.now -= 1
  assert.ok(tokens.claim(secret))
  operation.cancel()
  await operation.done
})

test('what is a token and what is a password', () => {
  const text = (value: unknown) => Buffer.from(JSON.stringify(value)).toString('base64')
  assert.equal(secretOfToken(text({ secret: 'a', fingerprint: 'b', client_name: 'c' })), 'a')
  for (const other of ['', 'hunter2', 'true', text(null), text('x'), text([]), text({ secret: 1, fingerprint: 'b' })]) {
    assert.equal(secretOfToken(other), undefined, other)
  }
})
