import assert from 'node:assert/strict'
import { test } from 'node:test'

import { expandAlias, splitWords } from './alias.ts'

const aliases = {
  shell: 'exec @ARGS@ -- su -l',
  ll: 'list -c ns',
  'll all': 'list -c nse --all-projects',
  say: 'exec c1 -- sh -c "echo \\"$1\\""',
}

const lines: readonly (readonly [line: string, expanded: readonly string[]])[] = [
  ['list', ['list']],
  ['ll', ['list', '-c', 'ns']],
  ['ll -f csv', ['list', '-c', 'ns', '-f', 'csv']],
  ['ll all', ['list', '-c', 'nse', '--all-projects']],
  ['shell c1', ['exec', 'c1', '--', 'su', '-l']],
  ['shell', ['exec', '--', 'su', '-l']],
  ['say', ['exec', 'c1', '--', 'sh', '-c', 'echo "$1"']],
  ['x ll', ['x', 'll']],
]

for (const [line, expanded] of lines) {
  test(`"${line}" becomes "${expanded.join(' ')}"`, () => {
    assert.deepEqual(expandAlias(line.split(' '), aliases), expanded)
  })
}

test('words of a line keep what quotes and backslashes protect', () => {
  assert.deepEqual(splitWords(`a 'b c' "d e" f\\ g '' "h"i 'j\\k'`), ['a', 'b c', 'd e', 'f g', '', 'hi', 'j\\k'])
})
