import assert from 'node:assert/strict'
import { test } from 'node:test'
import { addressToNumber, numberToAddress } from '#base/address.ts'
import { parseLeases, slaacAddress } from './leases.ts'

test('leases of both families are read', () => {
  const text = `1795477307 00:16:3E:74:90:80 10.81.68.67 c2 *
1795477308 00:16:3e:00:00:01 10.81.68.68 * 01:00:16:3e:00:00:01
duid 00:01:00:01:32:97:7d:aa:00:16:3e:2e:6f:1b
1795477309 8519680 fd42::7 c1 00:03:00:01:00:16:3e:00:00:02
1795477309 8519681 FD42::8 c3 00:01:00:01:32:97:7d:aa:00:16:3e:00:00:03
1795477309 8519682 fd42::9 * 00:02:00:00:ab:11:aa:bb
0 00:16:3e:00:00:05 10.81.68.70 c5 *
`
  assert.deepEqual(parseLeases(text).leases, [
    { address: '10.81.68.67', hwaddr: '00:16:3e:74:90:80', hostname: 'c2' },
    { address: '10.81.68.68', hwaddr: '00:16:3e:00:00:01', hostname: '' },
    {
      address: 'fd42::7',
      hwaddr: '00:16:3e:00:00:02',
      hostname: 'c1',
      identity: { duid: '00:03:00:01:00:16:3e:00:00:02', iaid: 8519680 },
    },
    {
      address: 'fd42::8',
      hwaddr: '00:16:3e:00:00:03',
      hostname: 'c3',
      identity: { duid: '00:01:00:01:32:97:7d:aa:00:16:3e:00:00:03', iaid: 8519681 },
    },
    {
      address: 'fd42::9',
      hwaddr: '',
      hostname: '',
      identity: { duid: '00:02:00:00:ab:11:aa:bb', iaid: 8519682 },
    },
    { address: '10.81.68.70', hwaddr: '00:16:3e:00:00:05', hostname: 'c5' },
  ])
})

test('the server is known by its line', () => {
  assert.equal(parseLeases('duid 00:01:00:01\n').serverDuid, '00:01:00:01')
  assert.equal(parseLeases('duid x\n').serverDuid, undefined)
})

test('lines that are no lease are passed over', () => {
  const lines = [
    '',
    'x',
    '1 2 3',
    '1 00:16:3e:00:00:01 10.0.0.1 c1',
    '1 00:16:3e:00:00:01 10.0.0.1 c1 * more',
    '-1 00:16:3e:00:00:01 10.0.0.1 c1 *',
    '1 00:16:3e:00:00 10.0.0.1 c1 *',
    '1 06-00:16:3e:00:00:01 10.0.0.1 c1 *',
    '1 00:16:3e:00:00:01 10.0.0.256 c1 *',
    '1 00:16:3e:00:00:01 ../../etc c1 *',
    '1 x fd42::1 c1 00:03:00:01',
    '1 1 fd42::1 c1 *',
    `1 1 fd42::1 c1 ${'00:'.repeat(500)}00`,
    `1 ${'0'.repeat(100_000)} 10.0.0.1 c1 *`,
  ]
  assert.deepEqual(parseLeases(lines.join('\n')), { leases: [], serverDuid: undefined })
})

test('a name with anything but the characters of a name is none', () => {
  for (const name of ['<b>', '\u001b[31m', 'a'.repeat(300), 'a"b']) {
    assert.equal(parseLeases(`1 00:16:3e:00:00:01 10.0.0.1 ${name} *`).leases[0]?.hostname, '', name)
  }
})

test('a SLAAC address is made of the MAC address', () => {
  const network = addressToNumber('fd42:1:2:3::')
  assert.equal(numberToAddress(slaacAddress(network, '00:16:3e:58:96:06'), 6), 'fd42:1:2:3:216:3eff:fe58:9606')
  assert.equal(numberToAddress(slaacAddress(network, '02:00:00:00:00:01'), 6), 'fd42:1:2:3:0:ff:fe00:1')
})
