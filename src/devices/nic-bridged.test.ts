import assert from 'node:assert/strict'
import { explain } from '#base/failure.ts'
import { test } from 'node:test'
import { kindOf } from '#base/failure.ts'
import { Undo } from '#base/undo.ts'
import { FakeLinks } from '#host/fake-links.ts'
import type { NetworkNic } from '#networks/network-nics.ts'
import type { ManagedNetwork } from '#networks/networks.ts'
import type { NicLease } from '#networks/network-leases.ts'
import { bridge } from '#networks/types/bridge.ts'
import { checkDevices } from './check.ts'
import type { DeviceConfig, DeviceContext, DeviceOwner } from './device.ts'
import { nicBridged } from './nic-bridged.ts'

const mac = '00:16:3e:00:00:01'

function managed(name: string, config: Record<string, string>): ManagedNetwork {
  return { name, type: 'bridge', config, plan: bridge.plan({ name, config, hwaddr: '' }) }
}

function setUp() {
  const links = new FakeLinks()
  links.add('br0', { kind: 'bridge' })
  links.add('other0', { kind: 'bridge', mtu: 1300 })
  const all = [
    managed('br0', { 'ipv4.address': '10.1.1.1/24', 'bridge.mtu': '1400' }),
    managed('six', { 'ipv6.address': 'fd42::1/64', 'ipv6.dhcp.stateful': 'true' }),
    managed('bare', {}),
  ]
  const leases = new Map<string, NicLease>()
  const nics: NetworkNic[] = []
  const networks = {
    find: (name: string) => all.find((one) => one.name === name),
    nics: () => nics,
    async attach(_network: string, nic: NicLease) {
      const fresh = !leases.has(nic.instance)
      leases.set(nic.instance, nic)
      return fresh
    },
    async detach(_network: string, nic: Pick<NicLease, 'instance'>) {
      leases.delete(nic.instance)
    },
  }
  return { links, leases, nics, kind: nicBridged({ networks, links }) }
}

type Setting = ReturnType<typeof setUp>

function ownerOf(devices: Record<string, DeviceConfig>): DeviceOwner {
  return { project: 'default', name: 'c1', runtimeName: 'c1', privileged: false, devices }
}

function contextOf(config: DeviceConfig, change: Partial<DeviceContext> = {}): DeviceContext {
  const volatile = { hwaddr: mac, name: 'eth0' }
  return { owner: ownerOf({ eth0: config }), device: 'eth0', config, volatile, idmap: [], pid: undefined, ...change }
}

function check({ kind }: Setting, config: DeviceConfig, more: Record<string, DeviceConfig> = {}, inProfile = false) {
  const devices = { ...more, eth0: { type: 'nic', ...config } }
  checkDevices(() => kind, devices, { owner: ownerOf(devices), inProfile })
}

/** Starts a NIC; `fail` runs the undo afterwards, as a start does that fails later. */
async function start({ kind }: Setting, context: DeviceContext, fail = false) {
  await using undo = new Undo((_what, error) => assert.fail(error as Error))
  const started = await kind.start(context, undo)
  if (!fail) undo.keep()
  return started
}

test('good configurations are taken', () => {
  const setting = setUp()
  for (const config of [
    { network: 'br0' },
    { nictype: 'bridged', parent: 'br0', mtu: '1400' },
    { nictype: 'bridged', parent: 'not-there-yet' },
    { network: 'br0', name: 'lan0', hwaddr: '00:16:3E:AA:BB:CC', host_name: 'vethx', 'ipv4.address': '10.1.1.7' },
    { network: 'six', 'ipv6.address': 'fd42::7' },
    { network: 'br0', 'ipv4.routes': '10.2.0.0/16', 'ipv6.routes': 'fd00::/64', 'security.port_isolation': 'true' },
  ]) {
    check(setting, config)
  }
})

test('bad configurations are refused', () => {
  const setting = setUp()
  setting.nics.push({
    project: 'default',
    instance: 'c2',
    device: 'eth0',
    config: { 'ipv4.address': '10.1.1.9' },
    hwaddr: '00:16:3e:00:00:09',
  })
  for (const [config, message] of [
    [{ nictype: 'bridged' }, /"parent": A bridged NIC needs/],
    [{ network: 'br0', nictype: 'bridged' }, /Cannot use "nictype" property in conjunction with "network" property/],
    [{ network: 'br0', parent: 'br0' }, /Cannot use "parent"/],
    [{ network: 'br0', mtu: '1400' }, /Cannot use "mtu"/],
    [{ network: 'nope' }, /Network "nope" not found/],
    [{ parent: '-x' }, /Invalid interface name/],
    [{ network: 'br0', name: 'a b' }, /Invalid interface name/],
    [{ network: 'br0', hwaddr: '00:16:3e' }, /Invalid MAC address/],
    [{ network: 'br0', 'ipv4.address': '10.2.1.7' }, /not within network "br0" subnet/],
    [{ network: 'br0', 'ipv4.address': '10.1.1.1' }, /is the address of network "br0"/],
    [{ network: 'br0', 'ipv4.address': '10.1.1.9' }, /already defined on device "eth0" of instance "c2"/],
    [{ network: 'br0', 'ipv4.address': 'none' }, /expected an IPv4 address/],
    [{ network: 'br0', 'ipv6.address': 'fd42::7' }, /"ipv6.dhcp.stateful" is disabled on network "br0"/],
    [{ network: 'bare', 'ipv4.address': '10.1.1.7' }, /when DHCP is disabled on network "bare"/],
    [{ parent: 'other0', 'ipv4.address': '10.1.1.7' }, /needs a managed network/],
    [{ network: 'br0', hwaddr: '00:16:3E:00:00:09' }, /MAC address "00:16:3e:00:00:09" already defined/],
    [{ network: 'br0', 'ipv4.routes': '10.0.0.1' }, /"ipv4.routes"/],
    [{ network: 'br0', 'security.mac_filtering': 'true' }, /Unknown configuration key "security.mac_filtering"/],
  ] as const) {
    assert.throws(
      () => check(setting, config as unknown as DeviceConfig),
      (error: Error) => kindOf(error) === 'bad-request' && message.test(String((error.cause as Error).message)),
      String(message),
    )
  }
})

test('two NICs of an instance can not have one name', () => {
  const more = { lan: { type: 'nic', nictype: 'bridged', parent: 'br1', name: 'eth9' } }
  assert.throws(() => check(setUp(), { network: 'br0', name: 'eth9' }, more), /Device validation failed/)
  check(setUp(), { network: 'br0', name: 'eth8' }, more)
})

test('an instance has one NIC on a managed network, where its name leads to one place', () => {
  const more = { lan: { type: 'nic', network: 'br0', name: 'eth9' } }
  assert.throws(
    () => check(setUp(), { network: 'br0', name: 'eth8' }, more),
    (error: Error) => /DNS name "c1" already used/.test(explain(error)),
  )
})

test('what differs by instance is not asked of a profile', () => {
  const setting = setUp()
  const config = { 'ipv4.address': '10.1.1.9' }
  setting.nics.push({ project: 'default', instance: 'c2', device: 'eth0', config, hwaddr: mac })
  check(setting, { network: 'br0', 'ipv4.address': '10.1.1.9' }, {}, true)
})

test('a NIC gets an address of its own and the first free name, once', () => {
  const { kind } = setUp()
  const nic = { type: 'nic', network: 'br0' }
  const devices = { a: { ...nic, name: 'eth0' }, b: nic, c: nic, d: { type: 'disk' } }
  const instanceConfig = { 'volatile.b.name': 'eth1' }
  const made = kind.volatile?.({ device: 'c', config: nic, volatile: {}, devices, instanceConfig })
  assert.equal(made?.['name'], 'eth2')
  assert.match(made?.['hwaddr'] ?? '', /^00:16:3e:/)
  assert.deepEqual(kind.volatile?.({ device: 'c', config: nic, volatile: made!, devices, instanceConfig }), {})
  const own = { ...nic, name: 'lan0', hwaddr: mac }
  assert.deepEqual(kind.volatile?.({ device: 'c', config: own, volatile: {}, devices, instanceConfig }), {})
})

test('liblxc makes the link of a NIC that starts with its instance', async () => {
  const setting = setUp()
  const { lxc, volatile } = await start(setting, contextOf({ network: 'br0', 'ipv4.address': '10.1.1.7' }))

  const host = volatile['host_name']!
  assert.match(host, /^veth[0-9a-f]{8}$/)
  assert.deepEqual(lxc, [
    ['lxc.net.*.type', 'veth'],
    ['lxc.net.*.link', 'br0'],
    ['lxc.net.*.veth.pair', host],
    ['lxc.net.*.name', 'eth0'],
    ['lxc.net.*.hwaddr', mac],
    ['lxc.net.*.mtu', '1400'],
    ['lxc.net.*.flags', 'up'],
  ])
  assert.deepEqual(setting.links.changes, [])
  assert.deepEqual(setting.leases.get('c1'), {
    project: 'default',
    instance: 'c1',
    device: 'eth0',
    hwaddr: mac,
    ipv4: '10.1.1.7',
    ipv6: undefined,
  })
})

test('the configuration wins over what was made up', async () => {
  const setting = setUp()
  const config = { parent: 'other0', name: 'lan0', hwaddr: '00:16:3E:AA:BB:CC', mtu: '1280', host_name: 'c1lan' }
  const { lxc } = await start(setting, contextOf(config))
  const values = Object.fromEntries(lxc.map(([key, value]) => [key.slice('lxc.net.*.'.length), value]))
  assert.deepEqual(values, {
    type: 'veth',
    link: 'other0',
    'veth.pair': 'c1lan',
    name: 'lan0',
    hwaddr: '00:16:3e:aa:bb:cc',
    mtu: '1280',
    flags: 'up',
  })
  assert.equal(setting.leases.size, 0)
})

test('an isolated NIC is isolated before it is up', async () => {
  const setting = setUp()
  const context = contextOf({ network: 'br0', 'security.port_isolation': 'true' })
  const { lxc, volatile } = await start(setting, context)
  const host = volatile['host_name']!

  assert.deepEqual(setting.links.changes.slice(1), [
    { do: 'set', name: host, to: { master: 'br0' } },
    { do: 'set', name: host, to: { isolated: true } },
    { do: 'set', name: host, to: { up: true } },
  ])
  assert.deepEqual(lxc[0], ['lxc.net.*.type', 'phys'])
  await setting.kind.stop({ ...context, volatile: { ...context.volatile, ...volatile } })
  assert.equal(setting.links.exists(host), false)
})

test('a NIC is plugged into a running instance, and out again', async () => {
  const setting = setUp()
  const context = contextOf({ parent: 'other0' }, { pid: 42 })
  const { lxc, volatile } = await start(setting, context)
  const host = volatile['host_name']!

  assert.deepEqual(lxc, [])
  assert.deepEqual(setting.links.changes[0], {
    do: 'add-veth',
    name: host,
    mtu: 1300,
    peer: { name: 'eth0', hwaddr: mac, pid: 42 },
  })
  assert.equal(setting.links.links.get(host)?.master, 'other0')
  await setting.kind.stop(context)
  await setting.kind.stop(context)
  assert.equal(setting.links.exists(host), false)
})

test('a start that fails later leaves nothing behind', async () => {
  const setting = setUp()
  const config = { network: 'br0', 'ipv4.routes': '10.2.0.0/16', 'security.port_isolation': 'true' }
  const before = [...setting.links.links.keys()]
  await start(setting, contextOf(config), true)

  assert.deepEqual(setting.leases.size, 0)
  assert.deepEqual(setting.links.routes, [])
  assert.deepEqual(
    [...setting.links.links.keys()].filter((name) => !name.startsWith('pveth')),
    before,
  )
})

test('a NIC without its bridge does not start', async () => {
  const setting = setUp()
  await assert.rejects(start(setting, contextOf({ parent: 'nope' })), /Parent device "nope" doesn't exist/)
  await assert.rejects(start(setting, contextOf({ parent: 'lo' })), /Parent device "lo" is not a bridge/)
  setting.links.add('taken0')
  const taken = contextOf({ network: 'br0', host_name: 'taken0' })
  await assert.rejects(start(setting, taken), /an interface "taken0" already exists/)
})

test('routes come and go with the NIC, and change while it runs', async () => {
  const setting = setUp()
  const context = contextOf({ network: 'br0', 'ipv4.routes': '10.2.0.0/16' })
  const routes = () => setting.links.routes.map(({ destination, protocol }) => `${destination} ${protocol}`)
  await start(setting, context)
  assert.deepEqual(routes(), ['10.2.0.0/16 boot'])

  await using undo = new Undo((_what, error) => assert.fail(error as Error))
  const changed = { ...context, config: { network: 'br0', 'ipv4.routes': '10.3.0.0/16', 'ipv4.address': '10.1.1.8' } }
  await setting.kind.update?.(changed, context.config, undo)
  undo.keep()
  assert.deepEqual(routes(), ['10.3.0.0/16 boot'])
  assert.equal(setting.leases.get('c1')?.ipv4, '10.1.1.8')

  await setting.kind.stop(changed)
  assert.deepEqual(routes(), [])
  await setting.kind.remove?.(changed)
  assert.equal(setting.leases.size, 0)
})

test('the end of a NIC that was never written down is found again', async () => {
  const setting = setUp()
  const context = contextOf({ network: 'br0' }, { pid: 42 })
  const { volatile } = await start(setting, context)
  await setting.kind.stop({ ...context, pid: undefined })
  assert.equal(setting.links.exists(volatile['host_name']!), false)
})
