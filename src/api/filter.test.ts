import assert from 'node:assert/strict'
import { test } from 'node:test'
import { parseFilter } from './filter.ts'

const instance = {
  name: 'web-1',
  status: 'Running',
  ephemeral: false,
  size: 878_200,
  config: { 'image.os': 'Debian', 'user.note': 'two words', 'user.quote': 'a "b"' },
  devices: { eth0: { type: 'nic' } },
  profiles: ['default'],
  state: null,
}

const cases: readonly (readonly [filter: string | undefined, matches: boolean])[] = [
  [undefined, true],
  ['', true],
  ['  ', true],
  ['name eq web-1', true],
  ['name EQ WEB-1', true],
  ['name eq web', false],
  ['name ne web', true],
  ['name eq web.*', true],
  ['name eq ^web', true],
  ['name eq web$', false],
  ['name eq -1$', true],
  ['name eq web-1|other', true],
  ['name eq eb|other', false],
  ['name eq (', false],
  ['not name eq web-1', false],
  ['not name eq web-2', true],
  ['status eq running and ephemeral eq false', true],
  ['status eq running and ephemeral eq true', false],
  ['ephemeral eq FALSE', true],
  ['ephemeral eq 0', false],
  ['size eq 878200', true],
  ['size ne 1', true],
  ['config.image.os eq debian', true],
  ['config.image eq debian', false],
  ['config.user.note eq "two words"', true],
  ['config.user.quote eq "a \\"b\\""', true],
  ['devices.eth0.type eq nic', true],
  ['profiles eq default', false],
  ['state.status eq x', false],
  ['state eq null', false],
  ['missing eq x', false],
  ['missing ne x', true],
  ['constructor.name eq Object', false],
  ['__proto__ ne x', true],
  // From left to right: (true or true) and false.
  ['name eq web-1 or name eq web-1 and name eq x', false],
  ['name eq x and name eq web-1 or status eq running', true],
  ['name eq x or not status eq stopped', true],
]

for (const [filter, matches] of cases) {
  test(`the filter ${JSON.stringify(filter)} ${matches ? 'matches' : 'does not match'}`, () => {
    assert.equal(parseFilter(filter)(instance), matches)
  })
}

const invalid: readonly (readonly [filter: string, message: RegExp])[] = [
  ['name', /clause has no operator/],
  ['name=web', /clause has no operator/],
  ['name eq', /clause has no value/],
  ['not', /expected a field/],
  ['name eq a and', /unterminated compound clause/],
  ['name eq a or or', /clause has no operator/],
  ['name eq a name eq b', /expected "and" or "or" after a clause, found "name"/],
  ['name eq a AND name eq b', /expected "and" or "or" after a clause, found "AND"/],
  ['size gt 3', /unknown operator "gt"/],
  ['name eq "a', /cannot read from ""a" on/],
  ['name eq "a"b', /cannot read/],
  [`name eq ${'a'.repeat(5000)}`, /longer than 4096 characters/],
  [Array.from({ length: 70 }, () => 'a eq b').join(' and '), /more than 64 clauses/],
]

for (const [filter, message] of invalid) {
  test(`the filter ${JSON.stringify(filter.slice(0, 40))} is refused`, () => {
    assert.throws(() => parseFilter(filter), message)
  })
}

test('an expression that would take a backtracking matcher for ever is matched at once', () => {
  const began = performance.now()

  assert.equal(parseFilter('name eq (a+)+b')({ name: 'a'.repeat(10_000) }), false)

  assert.ok(performance.now() - began < 1000)
})
