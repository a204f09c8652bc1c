import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { callSocket } from '../api/call.ts'
import type { Json } from '../api/call.ts'
import { imageFile } from '../image.ts'
import { ok, RealDaemon, runProgram, stockLxc } from '../real-daemon.ts'
import { enterSandbox } from '../sandbox.ts'

enterSandbox(import.meta, '--lxcfs')

const daemon = new RealDaemon()
const lxc = (...args: readonly string[]): string => ok(stockLxc(...args))

/** What a GET answers with; `callSocket` asserts that it has LXD's shape. */
async function get(url: string): Promise<Json> {
  const { status, body } = await callSocket('/var/lib/lxd/unix.socket', { method: 'GET', url })
  assert.equal(status, 200, `${url}: ${JSON.stringify(body)}`)
  return body.metadata ?? body
}

before(async () => {
  await daemon.start()
  ok(runProgram(new URL('../../bin/lxd', import.meta.url).pathname, ['init', '--auto']))
  lxc('image', 'import', imageFile('busybox'), '--alias', 'busybox')
  lxc('launch', 'busybox', 'c1')
  lxc('init', 'busybox', 'c2')
})
after(() => daemon.end('SIGTERM'))

test('what a real daemon with a real container tells has the shape that LXD gives it', async () => {
  const { fingerprint } = await get('/1.0/images/aliases/busybox').then(({ target }) => ({ fingerprint: target }))
  const lists = [
    'instances',
    'images',
    'images/aliases',
    'networks',
    'profiles',
    'projects',
    'storage-pools',
    'operations',
  ]
  const things = [
    'instances/c1',
    'instances/c1/logs',
    'instances/c1/state',
    'instances/c2',
    'instances/c2/state',
    `images/${fingerprint}`,
    'networks/lxdbr0',
    'networks/lxdbr0/leases',
    'networks/lxdbr0/state',
    'networks/lo/state',
    'profiles/default',
    'projects/default',
    'projects/default/state',
    'resources',
    'storage-pools/default',
    'storage-pools/default/resources',
    'storage-pools/default/volumes/container/c1',
  ]
  for (const path of [...lists, 'storage-pools/default/volumes']) {
    await get(`/1.0/${path}`)
    await get(`/1.0/${path}?recursion=1`)
  }
  await get('/1.0/instances?recursion=2')
  await get('/1.0/instances/c1?recursion=1')
  for (const path of things) await get(`/1.0/${path}`)
})

test('the server tells what it found on this host', async () => {
  const { environment } = await get('/1.0')
  assert.equal(environment.server_pid, daemon.pid)
  assert.match(environment.driver_version, /^\d+\.\d+\.\d+/)
  assert.equal(environment.firewall, 'nftables')
  assert.ok(environment.storage_supported_drivers.some(({ Name }: { Name: string }) => Name === 'dir'))
  assert.match(environment.storage, /^(dir|overlay)$/)
  for (const value of Object.values({ ...environment.kernel_features, ...environment.lxc_features })) {
    assert.match(String(value), /^(true|false)$/)
  }
})

test('the state of a running container is what the container sees itself', async () => {
  for (let tries = 0; ; tries++) {
    const { network } = await get('/1.0/instances/c1/state')
    const found = network.eth0.addresses.find((one: { scope: string; family: string }) => one.scope === 'global')
    if (found) break
    assert.ok(tries < 100, 'no address')
    await sleep(100)
  }
  const state = await get('/1.0/instances/c1/state')
  assert.equal(state.status, 'Running')
  assert.ok(state.memory.usage > 0)
  assert.ok(state.cpu.usage > 0)
  assert.ok(state.processes > 0)
  const inside = lxc('exec', 'c1', '--', 'cat', '/sys/class/net/eth0/address').trim()
  assert.equal(state.network.eth0.hwaddr, inside)
  assert.match(state.network.eth0.host_name, /^veth/)
})
