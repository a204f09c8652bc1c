import assert from 'node:assert/strict'
import { test } from 'node:test'
import { parseCidr } from '#base/address.ts'
import { mayConnect } from './address-policy.ts'

const own = ['203.0.112.7', '2a00:1::7', 'fe80::1%eth0']
const global = { reach: 'global', allowed: [] } as const

test('who is no administrator reaches the public internet and nothing else', () => {
  for (const address of ['1.1.1.1', '203.0.112.8', '2a00:1::8', '::ffff:1.1.1.1', '223.255.255.255']) {
    assert.ok(mayConnect(global, address, own), address)
  }
  for (const address of [
    '0.0.0.0',
    '10.1.2.3',
    '100.64.0.1',
    '127.0.0.1',
    '127.255.255.254',
    '169.254.169.254',
    '172.31.255.255',
    '192.168.1.1',
    '224.0.0.1',
    '255.255.255.255',
    '::',
    '::1',
    '::ffff:127.0.0.1',
    '::ffff:7f00:1',
    '::ffff:a9fe:a9fe',
    '::127.0.0.1',
    '64:ff9b::7f00:1',
    '2002:7f00:1::',
    '2001:0:1::1',
    'fc00::1',
    'fd00:ec2::254',
    'fe80::1',
    'fe80::1%eth0',
    'ff02::1',
    '203.0.112.7',
    '::ffff:203.0.112.7',
    '2a00:1:0::7',
  ]) {
    assert.ok(!mayConnect(global, address, own), address)
  }
})

test('the server can open networks to them', () => {
  const policy = { reach: 'global', allowed: [parseCidr('10.1.0.0/16'), parseCidr('fd42::/16')] } as const
  for (const address of ['10.1.2.3', '::ffff:10.1.2.3', 'fd42::1']) assert.ok(mayConnect(policy, address, own), address)
  for (const address of ['10.2.0.1', 'fd43::1', '127.0.0.1']) assert.ok(!mayConnect(policy, address, own), address)
})

test('administrators reach everything', () => {
  for (const address of ['127.0.0.1', '169.254.169.254', '::1', '203.0.112.7']) {
    assert.ok(mayConnect({ reach: 'any', allowed: [] }, address, own), address)
  }
})
