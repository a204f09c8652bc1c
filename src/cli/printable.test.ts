import assert from 'node:assert/strict'
import { test } from 'node:test'

import { printable, printableLine } from './printable.ts'

test('what steers a terminal is spelled out, all else stays', () => {
  assert.equal(printable('two\n\tlines, é 漢字'), 'two\n\tlines, é 漢字')
  assert.equal(printable('\u001b]0;title\u0007\u009b2J\r\u202etxt'), '\\x1b]0;title\\x07\\x9b2J\\x0d\\u202etxt')
  assert.equal(printableLine('a\nb\tc'), 'a\\nb\\tc')
})
