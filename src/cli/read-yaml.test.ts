import assert from 'node:assert/strict'
import { test } from 'node:test'

import { readYaml } from './read-yaml.ts'
import { fields, list, map } from './shape.ts'

const shape = fields({
  config: map('text'),
  devices: map(map('text')),
  ephemeral: 'bool',
  profiles: list('text'),
  size: 'number',
})

const documents: readonly (readonly [text: string, value: unknown])[] = [
  ['', {}],
  ['{}', {}],
  ['config:\n  a: 5\n  b: true\n  c: 007\n  d: 1e3\n', { config: { a: '5', b: 'true', c: '007', d: '1e3' } }],
  ['config:\n  a: b\n', { config: { a: 'b' } }],
  ['config:\n', { config: {} }],
  ['config: null\n', { config: {} }],
  ['config:\n  a:\n', { config: { a: '' } }],
  ['ephemeral: yes\nsize: "12"\n', { ephemeral: true, size: 12 }],
  ['ephemeral: false\n', { ephemeral: false }],
  ['profiles: [a, b]\n', { profiles: ['a', 'b'] }],
  ['profiles:\n', { profiles: [] }],
  ['devices:\n  eth0:\n    type: nic\n    mtu: 1400\n', { devices: { eth0: { type: 'nic', mtu: '1400' } } }],
  ['unknown: [1, 2]\n', {}],
  ['### a comment\n\nconfig: {}\n', { config: {} }],
]

for (const [text, value] of documents) {
  test(`${JSON.stringify(text)} is read`, async () => {
    assert.deepEqual(await readYaml(shape, text), value)
  })
}

const mistakes: readonly (readonly [text: string, message: RegExp])[] = [
  ['[1', /^Cannot read YAML$/],
  ['- a\n', /expected a mapping$/],
  ['config: 5\n', /expected a mapping at "config"/],
  ['config:\n  a: [1]\n', /expected a single value at "config.a"/],
  ['profiles: a\n', /expected a list at "profiles"/],
  ['ephemeral: maybe\n', /expected true or false at "ephemeral"/],
  ['size: 1.5\n', /expected a whole number at "size"/],
]

for (const [text, message] of mistakes) {
  test(`${JSON.stringify(text)} is refused`, async () => {
    await assert.rejects(readYaml(shape, text), { kind: 'bad-request', message })
  })
}

test('a document that repeats itself without end is refused', async () => {
  const bomb = `a: &a [x, x, x, x, x, x, x, x, x, x]\n${'bcdefgh'
    .split('')
    .map((letter, at) => `${letter}: &${letter} [${Array.from({ length: 10 }, () => `*${'abcdefg'[at]!}`).join(', ')}]`)
    .join('\n')}`

  await assert.rejects(readYaml('any', bomb), { kind: 'bad-request' })
})
