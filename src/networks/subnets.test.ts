import assert from 'node:assert/strict'
import { test } from 'node:test'
import { parseCidr } from '#base/address.ts'
import { freeSubnets, overlap } from './subnets.ts'

/** Gives the numbers in turn, and then zeros. */
function sequence(...numbers: number[]): (below: number) => number {
  return () => numbers.shift() ?? 0
}

test('a subnet that the host uses is passed over', async () => {
  const taken = ['default', '10.1.0.0/16', '10.2.3.4', 'fd42:1:1:1::/64', '0.0.0.0/0', 'fe80::/64']
  const free = freeSubnets(
    async () => ({ taken, hasIpv6: true }),
    sequence(0, 5, 1, 3, 1, 4, /* IPv6 */ 1, 1, 1, 1, 1, 2),
  )
  assert.equal(await free.pick(4), '10.2.4.1/24')
  assert.equal(await free.pick(6), 'fd42:1:1:2::1/64')
})

test('without IPv6 there is no IPv6 subnet', async () => {
  assert.equal(await freeSubnets(async () => ({ taken: [], hasIpv6: false })).pick(6), undefined)
})

test('where everything is taken, the key to set is named', async () => {
  const free = freeSubnets(async () => ({ taken: ['10.0.0.0/8'], hasIpv6: true }))
  await assert.rejects(free.pick(4), /set "ipv4.address"/)
})

test('networks overlap where one holds the other', () => {
  const pairs = [
    ['10.0.0.0/24', '10.0.0.128/25', true],
    ['10.0.0.128/25', '10.0.0.0/24', true],
    ['10.0.0.0/24', '10.0.1.0/24', false],
    ['10.0.0.0/24', 'fd42::/64', false],
    ['fd42::/48', 'fd42:0:0:7::/64', true],
  ] as const
  for (const [a, b, expected] of pairs) assert.equal(overlap(parseCidr(a), parseCidr(b)), expected, `${a} ${b}`)
})
