import assert from 'node:assert/strict'
import { test } from 'node:test'
import { parseLinkName } from './link-name.ts'

test('names that the kernel and its programs read as nothing but names are taken', () => {
  for (const name of ['eth0', 'lxdbr0', 'br-1.100', '_x', '0a', 'a'.repeat(15)]) assert.equal(parseLinkName(name), name)
})

test('names that could be an option, a path or a pattern are refused', () => {
  for (const name of ['', 'a', 'a'.repeat(16), '..', '.a', '-v', 'a/b', 'a b', 'eth*', 'a\nb', 'a"b', 'é1', 'a:1']) {
    assert.throws(() => parseLinkName(name), /Invalid interface name/, JSON.stringify(name))
  }
})
