import assert from 'node:assert/strict'
import { test } from 'node:test'

import { compareRows } from './natural-order.ts'

test('rows are ordered by their first cells, numbers by value', () => {
  const names = ['c10', 'b', 'C3', 'c02', 'a-1', 'a10', 'a9', 'c1', 'c2']

  const ordered = names.map((name) => [name]).sort(compareRows)

  assert.deepEqual(ordered.flat(), ['C3', 'a9', 'a10', 'a-1', 'b', 'c1', 'c2', 'c02', 'c10'])
})

test('equal cells leave the order to the next ones, and empty cells come last', () => {
  const rows = [['', 'a'], ['x', 'b'], ['x', 'a'], ['y', 'a']] // prettier-ignore

  assert.deepEqual(rows.sort(compareRows), [['x', 'a'], ['x', 'b'], ['y', 'a'], ['', 'a']]) // prettier-ignore
})
