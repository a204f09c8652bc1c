import assert from 'node:assert/strict'
import { test } from 'node:test'
import { parse } from 'yaml'

import { compareNaturally, Timestamp, writeYaml } from './yaml.ts'

const words: readonly (readonly [text: string, written: string])[] = [
  ['plain', 'plain'],
  ['two words', 'two words'],
  ['00:16:3e:f9:a0:2f', '00:16:3e:f9:a0:2f'],
  ['', '""'],
  ['true', '"true"'],
  ['y', '"y"'],
  ['No', '"No"'],
  ['null', '"null"'],
  ['~', '"~"'],
  ['1', '"1"'],
  ['1.35', '"1.35"'],
  ['0x1f', '"0x1f"'],
  ['1_000', '"1_000"'],
  ['1e3', '"1e3"'],
  ['_1', '_1'],
  ['1.2.3', '1.2.3'],
  ['12:30', '"12:30"'],
  ['2020-01-01', '"2020-01-01"'],
  ['.inf', '".inf"'],
  ['- item', "'- item'"],
  ['-item', '-item'],
  ['key: value', "'key: value'"],
  ['key:value', 'key:value'],
  ['ends:', "'ends:'"],
  ['a #b', "'a #b'"],
  ['a#b', 'a#b'],
  ['[list]', "'[list]'"],
  ["it's", "it's"],
  ["'quoted'", "'''quoted'''"],
  [' leading', "' leading'"],
  ['trailing ', "'trailing '"],
  ['tab\there', '"tab\\there"'],
  ['bell\x07', '"bell\\a"'],
  ['back\\slash', 'back\\slash'],
  ['naïve 日本', 'naïve 日本'],
  ['😀', '"\\U0001F600"'],
  ['two\nlines', '|-\n  two\n  lines'],
  ['two\nlines\n', '|\n  two\n  lines'],
  ['two\nlines\n\n', '|+\n  two\n  lines\n'],
  ['  indented\nlines', '|2-\n    indented\n  lines'],
  ['space \nat the end', '"space \\nat the end"'],
]

for (const [text, written] of words) {
  test(`the text ${JSON.stringify(text)} is written ${JSON.stringify(written)} and read back as it was`, () => {
    const document = writeYaml({ key: text })

    assert.equal(document, `key: ${written}\n`)
    assert.deepEqual(parse(document, { version: '1.1' }), { key: text })
  })
}

test('what looks like a number or a time but is none needs no quotes', () => {
  assert.equal(writeYaml(['1e400', '2020-13-01', '0x']), '- 1e400\n- 2020-13-01\n- 0x\n')
})

test('long texts break at spaces beyond 80 columns', () => {
  const text = Array.from({ length: 30 }, () => 'word').join(' ')

  const document = writeYaml({ key: text })

  assert.deepEqual(
    document.split('\n').map((line) => line.length),
    [84, 71, 0],
  )
  assert.deepEqual(parse(document), { key: text })
})

test('collections nest by two spaces, lists at the depth of their key', () => {
  const value = {
    text: 'a',
    empty: { list: [], map: {} },
    list: ['a', { b: 1, c: [true, null] }, ['x']],
    map: new Map([
      ['eth10', 'x'],
      ['eth2', 'y'],
      ['_', 'z'],
    ]),
    time: new Timestamp('2026-11-23T22:28:48Z'),
    missing: undefined,
  }

  assert.equal(
    writeYaml(value),
    `text: a
empty:
  list: []
  map: {}
list:
- a
- b: 1
  c:
  - true
  - null
- - x
map:
  _: z
  eth2: "y"
  eth10: x
time: 2026-11-23T22:28:48Z
`,
  )
})

test('what has nothing in it is written as such', () => {
  assert.equal(writeYaml({}), '{}\n')
  assert.equal(writeYaml([]), '[]\n')
  assert.equal(writeYaml(new Map()), '{}\n')
  assert.equal(writeYaml(null), 'null\n')
})

test('keys are ordered with numbers by value and letters last', () => {
  const keys = ['b', 'a', 'a10', 'a9', 'a-1', 'a01', 'a1', 'ab', '1']

  assert.deepEqual(keys.sort(compareNaturally), ['1', 'a', 'a-1', 'a1', 'a01', 'a9', 'a10', 'ab', 'b'])
})
