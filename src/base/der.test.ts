import assert from 'node:assert/strict'
import { test } from 'node:test'
import { readElements, readInside, readInteger, tags } from './der.ts'

test('elements are read one after the other, and within each other', () => {
  const bytes = Buffer.from('30060201050201ff040161', 'hex')
  const [sequence, text] = readElements(bytes)
  assert.deepEqual(readInside(sequence, tags.sequence).map(readInteger), [5n, 255n])
  assert.equal(text?.content.toString(), 'a')
  assert.equal(sequence?.whole.length, 8)
})

test('long lengths are read', () => {
  const content = Buffer.alloc(300, 7)
  const [element] = readElements(Buffer.concat([Buffer.from('0482012c', 'hex'), content]))
  assert.deepEqual(element?.content, content)
})

test('anything else is refused', () => {
  for (const [hex, message] of [
    ['02', /broken length/],
    ['0205', /shorter than it says/],
    ['0280', /broken length/],
    ['0485ffffffffff', /broken length/],
    ['04840fffffff00', /shorter than it says/],
    ['1f0100', /tags of several bytes/],
  ] as const) {
    assert.throws(() => readElements(Buffer.from(hex, 'hex')), message, hex)
  }
  assert.throws(() => readInside(undefined, tags.sequence), /expected tag 48, found nothing/)
  assert.throws(() => readInteger(readElements(Buffer.from('0400', 'hex'))[0]), /expected an integer/)
})
