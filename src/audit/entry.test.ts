import assert from 'node:assert/strict'
import { test } from 'node:test'
import { maxLine, origin, readLine, seal } from './chain.ts'
import { toJsonLine } from './entry.ts'

test('a line is plain ASCII without line breaks, whatever is in it', () => {
  const hostile = 'a\n{"event":"request"}\r\u0000\u001b[2J\u2028\u2029\u0085\u202e\ud800ü😀'
  const text = toJsonLine({ name: hostile })
  assert.match(text, /^[\x20-\x7e]+$/)
  assert.deepEqual(JSON.parse(text), { name: hostile })
})

test('long texts and lists are cut and say how much there was', () => {
  const { name, list } = JSON.parse(toJsonLine({ name: 'x'.repeat(65_536), list: Array(100).fill('y') })) as {
    name: string
    list: string[]
  }
  assert.equal(name, `${'x'.repeat(256)}… (65536)`)
  assert.equal(list.length, 17)
  assert.equal(list.at(-1), '… (84 more)')
})

test('the worst line fits what readers take', () => {
  const worst = '\u202e'.repeat(100_000)
  const many = Object.fromEntries(Array.from({ length: 100 }, (_, index) => [worst + index, worst]))
  const who = { method: worst, id: worst, address: worst }
  const { line } = seal(origin, '2026-01-01T00:00:00.000Z', {
    event: 'request',
    who,
    method: worst,
    route: worst,
    project: worst,
    params: many,
    action: worst,
    decision: 'denied',
  })
  assert.ok(line.length < maxLine, `${line.length}`)
  assert.equal(readLine(Buffer.from(line.trimEnd())).sequence, 1)
})
