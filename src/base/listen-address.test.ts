import assert from 'node:assert/strict'
import { test } from 'node:test'
import { formatListenAddress, isWildcard, overlap, parseListenAddress } from './listen-address.ts'

test('addresses are read with and without port, IPv6 with and without brackets', () => {
  for (const [text, host, port] of [
    ['10.1.2.3', '10.1.2.3', 8443],
    ['10.1.2.3:1', '10.1.2.3', 1],
    [':9000', '', 9000],
    [':', undefined, 0],
    ['::', '::', 8443],
    ['[::]', '::', 8443],
    ['[::]:9000', '::', 9000],
    ['fd42::1', 'fd42::1', 8443],
    ['[FD42::1]:9000', 'fd42::1', 9000],
    ['localhost:9000', 'localhost', 9000],
    ['lxd-1.example.org', 'lxd-1.example.org', 8443],
    ['', undefined, 0],
    ['10.1.2.3:0', undefined, 0],
    ['10.1.2.3:65536', undefined, 0],
    ['10.1.2.3:', undefined, 0],
    ['10.1.2.300', undefined, 0],
    ['10.1.2.3/24', undefined, 0],
    ['[10.1.2.3]:80', undefined, 0],
    ['fd42::zz', undefined, 0],
    ['fe80::1%eth0', undefined, 0],
    ['[::1', undefined, 0],
    ['*:8443', undefined, 0],
    ['a b', undefined, 0],
    ['-a.example', undefined, 0],
    ['a:https', undefined, 0],
    ['10.1.2.3:80\n', undefined, 0],
    ['unix:/run/x', undefined, 0],
  ] as const) {
    if (host === undefined) assert.throws(() => parseListenAddress(text, 8443), /Invalid address/, text)
    else assert.deepEqual(parseListenAddress(text, 8443), { host, port }, text)
  }
})

test('addresses are written as they are read', () => {
  for (const text of ['10.1.2.3:1', '[fd42::1]:8443', ':8443', 'localhost:9000']) {
    assert.equal(formatListenAddress(parseListenAddress(text, 8443)), text)
  }
})

test('wildcards are known in all spellings, and two addresses overlap on the same port only', () => {
  const at = (text: string) => parseListenAddress(text, 8443)
  for (const text of [':1', '[::]:1', '0.0.0.0:1', '[0:0:0:0:0:0:0:0]:1']) assert.ok(isWildcard(at(text)), text)
  for (const text of ['10.0.0.0:1', '[::1]:1', 'localhost']) assert.ok(!isWildcard(at(text)), text)
  assert.ok(overlap(at(':1'), at('10.0.0.1:1')))
  assert.ok(overlap(at('10.0.0.1:1'), at('10.0.0.1:1')))
  assert.ok(!overlap(at(':1'), at('10.0.0.1:2')))
  assert.ok(!overlap(at('10.0.0.2:1'), at('10.0.0.1:1')))
})
