import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { Expanded } from '#instances/commit.ts'
import { guestEvents } from './guest-events.ts'
import { answerGuest, mayFetchImages } from './guest-requests.ts'

const record = {
  name: 'c1',
  project: 'default',
  config: { 'volatile.cloud-init.instance-id': 'an-id', 'volatile.eth0.hwaddr': '00:16:3e:00:00:01' },
}
const guest = {
  record,
  config: { ...record.config, 'user.a/b': 'slash', 'user.z': '', 'cloud-init.user-data': 'data', 'limits.cpu': '2' },
  devices: { eth0: { type: 'nic', network: 'br0' }, root: { type: 'disk', path: '/' } },
} as unknown as Expanded

test('a guest gets what LXD gives it, and of its configuration its own keys only', () => {
  for (const [method, path, status, body] of [
    ['GET', '/', 200, '["/1.0"]\n'],
    ['GET', '/1.0', 200, '{"state":"","api_version":"1.0","instance_type":"container","location":"none"}\n'],
    ['GET', '/1.0/config', 200, '["/1.0/config/cloud-init.user-data","/1.0/config/user.a/b","/1.0/config/user.z"]\n'],
    ['GET', '/1.0/config/cloud-init.user-data', 200, 'data'],
    ['GET', '/1.0/config/user.a%2Fb', 200, 'slash'],
    ['GET', '/1.0/config/user.a/b', 200, 'slash'],
    ['GET', '/1.0/config/user.none', 404, 'not found\n'],
    ['GET', '/1.0/config/limits.cpu', 403, 'not authorized\n'],
    ['GET', '/1.0/config/volatile.eth0.hwaddr', 403, 'not authorized\n'],
    ['GET', '/1.0/config/%ff', 400, 'bad request\n'],
    ['GET', '/1.0/meta-data', 200, '#cloud-config\ninstance-id: an-id\nlocal-hostname: c1\n'],
    ['POST', '/1.0', 405, 'Method "POST" not allowed\n'],
    ['PATCH', '/1.0/config/user.z', 405, 'Method "PATCH" not allowed\n'],
    ['GET', '/2.0', 404, '404 page not found\n'],
    ['GET', '/1.0/instances', 404, '404 page not found\n'],
    ['GET', '/1.0/devices/x', 404, 'not found\n'],
  ] as const) {
    const answer = answerGuest(method, path, guest)
    assert.deepEqual([answer?.status, answer?.body], [status, body], `${method} ${path}`)
  }
  assert.deepEqual(JSON.parse(answerGuest('GET', '/1.0/devices', guest)?.body ?? ''), {
    eth0: { type: 'nic', network: 'br0', hwaddr: '00:16:3e:00:00:01' },
    root: { type: 'disk', path: '/' },
  })
  assert.equal(mayFetchImages(guest), false)
  assert.equal(mayFetchImages({ ...guest, config: { 'security.devlxd.images': 'true' } }), true)
})

test('a guest hears of its own keys and of its devices', () => {
  const after = {
    ...guest,
    config: { ...guest.config, 'user.z': 'new', 'limits.cpu': '4', 'volatile.x.y': '1' },
    devices: { eth0: { type: 'nic', network: 'br1' }, data: { type: 'disk', path: '/data' } },
  } as unknown as Expanded
  assert.deepEqual(guestEvents(guest, guest), [])
  assert.deepEqual(guestEvents(guest, after), [
    { type: 'config', metadata: { key: 'user.z', old_value: '', value: 'new' } },
    { type: 'device', metadata: { action: 'updated', name: 'eth0', config: { type: 'nic', network: 'br1' } } },
    { type: 'device', metadata: { action: 'removed', name: 'root', config: { type: 'disk', path: '/' } } },
    { type: 'device', metadata: { action: 'added', name: 'data', config: { type: 'disk', path: '/data' } } },
  ])
})
