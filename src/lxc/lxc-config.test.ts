import assert from 'node:assert/strict'
import { test } from 'node:test'
import { formatLxcConfig, parseLxcConfig, quoteHookArgument } from './lxc-config.ts'

test('items become lines', () => {
  assert.equal(
    formatLxcConfig([
      ['lxc.uts.name', 'c1'],
      ['lxc.sysctl.net.ipv4.conf.eth0/1.forwarding', '1'],
      ['lxc.environment', 'A=b = c # d'],
    ]),
    'lxc.uts.name = c1\nlxc.sysctl.net.ipv4.conf.eth0/1.forwarding = 1\nlxc.environment = A=b = c # d\n',
  )
})

test('nothing that ends a line gets into a value or a key', () => {
  for (const value of ['a\nlxc.hook.start = /bin/x', 'a\r', 'a\0b', 'a\u001B[0m', '\u007F']) {
    assert.throws(() => formatLxcConfig([['lxc.environment', value]]), /"lxc.environment" has a control character/)
  }
  for (const key of ['lxc.a\nlxc.b', 'lxc.a = b', 'lxc', 'lxc.', 'lxc.a b', 'other.key', '']) {
    assert.throws(() => formatLxcConfig([[key, 'x']]), /invalid key/)
  }
})

test('quotes and outer spaces survive that liblxc drops a pair of quotes and outer spaces', () => {
  for (const [value, written] of [
    ['"quoted"', '""quoted""'],
    ["'a' 'b'", `"'a' 'b'"`],
    [' a ', '" a "'],
    ['a"b', 'a"b'],
    ['', ''],
  ] as const) {
    assert.equal(formatLxcConfig([['lxc.environment', value]]), `lxc.environment = ${written}\n`)
  }
})

test('the argument of a hook stays one word of the shell', () => {
  assert.equal(quoteHookArgument('/a b/$(x)'), "'/a b/$(x)'")
  assert.equal(quoteHookArgument("it's"), String.raw`'it'\''s'`)
})

test('lines of raw configuration are read, anything else is refused', () => {
  assert.deepEqual(parseLxcConfig('# comment\n\nlxc.cap.drop=mknod\n  lxc.cap.drop = \nlxc.environment = A=b\n'), [
    ['lxc.cap.drop', 'mknod'],
    ['lxc.cap.drop', ''],
    ['lxc.environment', 'A=b'],
  ])
  assert.throws(() => parseLxcConfig('nonsense'), /"nonsense" is no line/)
})
