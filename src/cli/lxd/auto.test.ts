import assert from 'node:assert/strict'
import test from 'node:test'
import { addressWithPort, planAuto, type AutoFlags } from './auto.ts'
import type { ServerState } from './server-state.ts'

const noFlags: AutoFlags = {
  'network-address': '',
  'network-port': -1,
  'storage-backend': '',
  'storage-create-device': '',
  'storage-create-loop': -1,
  'storage-pool': '',
  'trust-password': '',
}
const fresh: ServerState = { config: {}, drivers: ['dir', 'overlay'], pools: [], networks: [], devices: [] }

test('a fresh server gets a pool, a bridge and a profile with both', () => {
  assert.deepEqual(planAuto(noFlags, fresh), {
    config: {},
    pools: [{ name: 'default', type: 'overlay', config: {} }],
    networks: [{ name: 'lxdbr0' }],
    profiles: [
      {
        name: 'default',
        devices: {
          root: { type: 'disk', path: '/', pool: 'default' },
          eth0: { type: 'nic', name: 'eth0', network: 'lxdbr0' },
        },
      },
    ],
    projects: [],
  })
})

test('overlay is the default only where the kernel can, and never against a wish', () => {
  assert.equal(planAuto(noFlags, { ...fresh, drivers: ['dir'] }).pools[0]?.type, 'dir')
  assert.equal(planAuto({ ...noFlags, 'storage-backend': 'dir' }, fresh).pools[0]?.type, 'dir')
})

test('what is there is left alone', () => {
  const bridge = { name: 'br0', managed: true, type: 'bridge' }
  const done = { ...fresh, pools: ['p'], networks: [bridge], devices: ['root', 'eth0'] }
  assert.deepEqual(planAuto(noFlags, done), { config: {}, pools: [], networks: [], profiles: [], projects: [] })
  assert.deepEqual(planAuto(noFlags, { ...fresh, devices: ['root'] }).profiles[0]?.devices, {
    eth0: { type: 'nic', name: 'eth0', network: 'lxdbr0' },
  })
})

test('a link that is in the way gives the bridge the next name', () => {
  const link = { name: 'lxdbr0', managed: false, type: 'bridge' }
  assert.equal(planAuto(noFlags, { ...fresh, networks: [link] }).networks[0]?.name, 'lxdbr1')
})

test('the flags of a device, a loop file and the network are taken over', () => {
  const server = { ...fresh, drivers: ['btrfs'] }
  const loop = planAuto({ ...noFlags, 'storage-backend': 'btrfs', 'storage-create-loop': 3 }, server)
  assert.deepEqual(loop.pools[0]?.config, { size: '3GB' })
  const device = planAuto({ ...noFlags, 'storage-backend': 'btrfs', 'storage-create-device': '/dev/x' }, server)
  assert.deepEqual(device.pools[0]?.config, { source: '/dev/x' })
  const listening = planAuto({ ...noFlags, 'network-address': '::1', 'trust-password': 'x' }, fresh)
  assert.deepEqual(listening.config, { 'core.https_address': '[::1]:8443', 'core.trust_password': 'x' })
})

const refused: readonly (readonly [flags: Partial<AutoFlags>, message: RegExp])[] = [
  [{ 'network-port': 1 }, /--network-port can't be used without --network-address/],
  [{ 'trust-password': 'x' }, /--trust-password can't be used without --network-address/],
  [{ 'network-address': '::', 'network-port': 70000 }, /Invalid port "70000"/],
  [{ 'storage-backend': 'floppy' }, /backend 'floppy' isn't supported/],
  [{ 'storage-backend': 'zfs' }, /backend 'zfs' isn't available/],
  [{ 'storage-backend': 'dir', 'storage-pool': 'x' }, /may be used with the 'dir' backend/],
  [{ 'storage-create-loop': 1 }, /may be used with the 'overlay' backend/],
]

for (const [flags, message] of refused) {
  test(`${JSON.stringify(flags)} is refused`, () => {
    assert.throws(() => planAuto({ ...noFlags, ...flags }, fresh), message)
  })
}

test('a wish for another backend is refused where there is a pool', () => {
  assert.throws(
    () => planAuto({ ...noFlags, 'storage-backend': 'dir' }, { ...fresh, pools: ['p'] }),
    /already been configured/,
  )
})

test('addresses stand beside ports as URLs have them', () => {
  assert.equal(addressWithPort('10.0.0.1', 8443), '10.0.0.1:8443')
  assert.equal(addressWithPort('::1', 1), '[::1]:1')
  assert.equal(addressWithPort('all', 8443), '[::]:8443')
})
