import assert from 'node:assert/strict'
import { test } from 'node:test'
import { releasePacket } from './dhcp-release.ts'

test('a release names the holder, its address and the server', () => {
  const packet = releasePacket({ family: 4, server: '10.0.0.1', address: '10.0.0.7', hwaddr: '00:16:3e:01:02:03' })

  assert.deepEqual([...packet.slice(0, 4)], [1, 1, 6, 0])
  assert.deepEqual([...packet.slice(12, 16)], [10, 0, 0, 7])
  assert.deepEqual([...packet.slice(28, 34)], [0, 0x16, 0x3e, 1, 2, 3])
  assert.deepEqual([...packet.slice(236, 250)], [0x63, 0x82, 0x53, 0x63, 53, 1, 7, 54, 4, 10, 0, 0, 1, 255])
})

test('a release of DHCPv6 names both sides by their DUIDs', () => {
  const packet = Buffer.from(
    releasePacket({
      family: 6,
      link: 'br0',
      address: 'fd42::7',
      serverDuid: '00:03:00:01:aa',
      clientDuid: '00:03:00:01:bb',
      iaid: 258,
    }),
  )
  const ours = packet.toString('hex')
  assert.equal(ours.slice(0, 2), '08')
  assert.equal(
    ours.slice(8),
    [
      '00010005' + '00030001bb',
      '00020005' + '00030001aa',
      '00030028' + '00000102' + '00000000' + '00000000',
      '00050018' + 'fd420000000000000000000000000007' + '0000000000000000',
      '00080002' + '0000',
    ].join(''),
  )
})

test('what is no address is refused', () => {
  const release = { family: 4, server: '10.0.0.1', address: 'fd42::1', hwaddr: '00:16:3e:01:02:03' } as const
  assert.throws(() => releasePacket(release), /expected an IPv4 address/)
  const six = { family: 6, link: 'br0', address: '10.0.0.1', serverDuid: '', clientDuid: '', iaid: 0 } as const
  assert.throws(() => releasePacket(six), /expected an IPv6 address/)
})
