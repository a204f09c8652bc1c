import assert from 'node:assert/strict'
import { test } from 'node:test'
import { parseProxyHeader } from './proxy-protocol.ts'

const line = (text: string) => Buffer.from(text, 'latin1')
const signature = '0d0a0d0a000d0a515549540a'
const binary = (hex: string) => Buffer.from(signature + hex.replaceAll(' ', ''), 'hex')

test('version 1: the client is who the line names', () => {
  const source = { host: '192.0.2.7', port: 56_324 }
  const header = 'PROXY TCP4 192.0.2.7 198.51.100.1 56324 443\r\n'
  assert.deepEqual(parseProxyHeader(line(header)), { length: header.length, source })
  assert.deepEqual(parseProxyHeader(line(`${header}\x16\x03`)), { length: header.length, source })
  assert.deepEqual(parseProxyHeader(line('PROXY TCP6 2001:DB8::1 ::1 1 2\r\n')), {
    length: 32,
    source: { host: '2001:db8::1', port: 1 },
  })
  for (const unknown of ['PROXY UNKNOWN\r\n', 'PROXY UNKNOWN ffff:: x y z\r\n'])
    assert.deepEqual(parseProxyHeader(line(unknown)), { length: unknown.length, source: undefined })
})

test('version 2: the client is whom the addresses name', () => {
  const four = binary('21 11 000c c0000207 c6336401 dc04 01bb')
  assert.deepEqual(parseProxyHeader(four), { length: 28, source: { host: '192.0.2.7', port: 56_324 } })
  const six = binary(`21 21 0024 20010db8${'0'.repeat(23)}1 ${'0'.repeat(31)}1 0001 0002`)
  assert.deepEqual(parseProxyHeader(six), { length: 52, source: { host: '2001:db8::1', port: 1 } })
  // What follows the addresses, such as the name the client asked for, is skipped.
  const more = binary('21 11 000f c0000207 c6336401 dc04 01bb 040000')
  assert.deepEqual(parseProxyHeader(more), { length: 31, source: { host: '192.0.2.7', port: 56_324 } })
  for (const itself of [
    '20 00 0000',
    '20 11 000c c0000207 c6336401 dc04 01bb',
    '21 00 0000',
    '21 12 000c c0000207 c6336401 dc04 01bb',
  ])
    assert.equal((parseProxyHeader(binary(itself)) as { source: unknown }).source, undefined, itself)
})

test('a header in pieces is waited for, at every cut', () => {
  for (const whole of [
    line('PROXY TCP4 192.0.2.7 198.51.100.1 56324 443\r\n'),
    binary('21 11 000c c0000207 c6336401 dc04 01bb'),
  ]) {
    for (let cut = 0; cut < whole.length; cut++) assert.equal(parseProxyHeader(whole.subarray(0, cut)), 'incomplete')
  }
})

test('a connection without a header is the client itself', () => {
  for (const bytes of [Buffer.of(0x16, 3, 1), line('GET / HTTP/1.1\r\n'), line('PROXIES'), line('\r\n\r\nX')])
    assert.equal(parseProxyHeader(bytes), 'none')
})

test('malformed headers are errors', () => {
  for (const text of [
    'PROXY TCP4 192.0.2.7 198.51.100.1 56324\r\n',
    'PROXY TCP4 192.0.2.7 198.51.100.1 56324 443 1\r\n',
    'PROXY TCP4 192.0.2.7  56324 443\r\n',
    'PROXY TCP4 192.0.2.7 198.51.100.1 056324 443\r\n',
    'PROXY TCP4 192.0.2.7 198.51.100.1 70000 443\r\n',
    'PROXY TCP4 ::1 198.51.100.1 56324 443\r\n',
    'PROXY TCP6 192.0.2.7 ::1 56324 443\r\n',
    'PROXY TCP4 evil 198.51.100.1 56324 443\r\n',
    'PROXY UDP4 192.0.2.7 198.51.100.1 56324 443\r\n',
    'PROXY \r\n',
    `PROXY TCP4 ${'1'.repeat(200)}`,
  ]) {
    assert.throws(() => parseProxyHeader(line(text)), /Invalid PROXY header/, text)
  }
  for (const hex of [
    '11 11 000c',
    '22 11 000c',
    '21 11 0004 c0000207',
    '21 21 000c c0000207 c6336401 dc04 01bb',
    '21 11 ffff',
  ])
    assert.throws(() => parseProxyHeader(binary(hex)), /Invalid PROXY header/, hex)
})
