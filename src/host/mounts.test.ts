import assert from 'node:assert/strict'
import { test } from 'node:test'
import { parseMountinfo } from './mounts.ts'

test('the mount table is read, optional fields and quoted characters included', () => {
  const text = [
    '23 28 0:21 / /proc rw,nosuid - proc proc rw',
    '36 35 98:0 /a\\040b /mnt/with\\040space\\134and\\011tab rw,noatime master:1 shared:2 - ext4 /dev/root\\040x rw,errors=continue',
    '',
  ].join('\n')
  assert.deepEqual(parseMountinfo(text), [
    { root: '/', path: '/proc', options: ['rw', 'nosuid'], type: 'proc', source: 'proc' },
    {
      root: '/a b',
      path: '/mnt/with space\\and\ttab',
      options: ['rw', 'noatime'],
      type: 'ext4',
      source: '/dev/root x',
    },
  ])
})
