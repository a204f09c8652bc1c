import assert from 'node:assert/strict'
import { test } from 'node:test'
import {
  addressToNumber,
  contains,
  networkOf,
  numberToAddress,
  parseAddress,
  parseCidr,
  canonicalAddress,
} from './address.ts'

test('an address survives the way through its number', () => {
  for (const [address, family] of [
    ['10.1.2.3', 4],
    ['255.255.255.255', 4],
    ['::', 6],
    ['::1', 6],
    ['fd42::1', 6],
    ['fe80::1:0:0:1', 6],
    ['2001:db8:1:2:3:4:5:6', 6],
  ] as const) {
    assert.equal(numberToAddress(addressToNumber(address), family), address)
  }
  assert.equal(numberToAddress(addressToNumber('::ffff:1.2.3.4'), 6), '::ffff:102:304')
})

test('a network is the first address of its range', () => {
  assert.deepEqual(networkOf(parseCidr('10.1.2.3/23')), { address: '10.1.2.0', prefix: 23, family: 4 })
  assert.deepEqual(networkOf(parseCidr('fd42:1:2:3:4::5/64')), { address: 'fd42:1:2:3::', prefix: 64, family: 6 })
})

test('a network contains its own addresses only', () => {
  const network = parseCidr('10.1.2.1/24')
  assert.deepEqual(
    ['10.1.2.0', '10.1.2.255', '10.1.3.0', '::1'].map((address) => contains(network, address)),
    [true, true, false, false],
  )
})

test('an address has one spelling', () => {
  for (const [text, one] of [
    ['10.1.2.3', '10.1.2.3'],
    ['::ffff:10.1.2.3', '10.1.2.3'],
    ['::FFFF:0a01:203', '10.1.2.3'],
    ['FD42:0:0::0:1', 'fd42::1'],
    ['fe80::1%eth0', 'fe80::1'],
    ['::1', '::1'],
    ['::', '::'],
  ] as const) {
    assert.equal(canonicalAddress(text), one)
  }
})

test('what is no address is refused', () => {
  for (const text of ['', '10.1.2', '10.1.2.3/24', 'fe80::1%eth0', '010.1.1.1']) {
    assert.throws(() => parseAddress(text), /expected an IP address/)
  }
  for (const text of ['10.1.2.3', '10.1.2.3/33', '::/129', '10.1.2.3/', '10.1.2.3/8/8']) {
    assert.throws(() => parseCidr(text), /expected an IP address and a prefix length/)
  }
  assert.throws(() => parseAddress('::1', 4), /expected an IPv4 address/)
})
