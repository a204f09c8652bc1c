import assert from 'node:assert/strict'
import { test } from 'node:test'
import { releasePacket } from './dhcp-release.ts'

test('a release names the holder, its address and the server', () => {
  const packet = releasePacket({ server: '10.0.0.1', address: '10.0.0.7', hwaddr: '00:16:3e:01:02:03' })

  assert.deepEqual([...packet.slice(0, 4)], [1, 1, 6, 0])
  assert.deepEqual([...packet.slice(12, 16)], [10, 0, 0, 7])
  assert.deepEqual([...packet.slice(28, 34)], [0, 0x16, 0x3e, 1, 2, 3])
  assert.deepEqual([...packet.slice(236, 250)], [0x63, 0x82, 0x53, 0x63, 53, 1, 7, 54, 4, 10, 0, 0, 1, 255])
})

test('only IPv4 addresses can be released', () => {
  const release = { server: '10.0.0.1', address: 'fd42::1', hwaddr: '00:16:3e:01:02:03' }
  assert.throws(() => releasePacket(release), /expected an IPv4 address/)
})
