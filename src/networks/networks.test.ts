import assert from 'node:assert/strict'
import { existsSync, mkdtempSync, readFileSync, readdirSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import type { TestContext } from 'node:test'
import { kindOf } from '#base/failure.ts'
import { silentLog } from '#base/log.ts'
import { Events } from '#events/events.ts'
import { FakeDaemons } from '#host/fake-daemons.ts'
import { FakeLinks } from '#host/fake-links.ts'
import type { DhcpRelease } from '#host/dhcp-release.ts'
import { FakeNft } from '#host/nft.ts'
import { FakeSysctls } from '#host/sysctls.ts'
import type { NetworkPut } from '#schema/network.ts'
import { instanceRecords } from '#store/instance-record.ts'
import type { InstanceRecord } from '#store/instance-record.ts'
import { noPolicy } from '#projects/policy/fake-policy.ts'
import { networkRecords } from '#store/network-record.ts'
import { profileRecords } from '#store/profile-record.ts'
import { openSqliteStore } from '#store/sqlite.ts'
import { Networks } from './networks.ts'

function setUp(t: TestContext) {
  const directory = mkdtempSync(join(tmpdir(), 'networks-'))
  const store = openSqliteStore(':memory:')
  t.after(async () => {
    await store[Symbol.asyncDispose]()
    rmSync(directory, { recursive: true })
  })
  const host = { links: new FakeLinks(), nft: new FakeNft(), sysctls: new FakeSysctls(), daemons: new FakeDaemons() }
  host.sysctls.values.set('net/ipv6/conf/eth0/accept_ra', '1')
  const heard: object[] = []
  const events = new Events({ log: silentLog })
  events.subscribe(({ metadata }) => heard.push(metadata))
  const released: DhcpRelease[] = []
  const account = { user: 'nobody', group: 'nogroup' }
  const make = () =>
    new Networks({
      policy: noPolicy(store),
      ...host,
      store,
      events,
      log: silentLog,
      directory,
      account,
      releaseDhcp: async (release) => void released.push(release),
    })
  const file = (...parts: string[]) => join(directory, 'networks', ...parts)
  return { ...host, store, directory, heard, released, make, networks: make(), file }
}

type Setting = ReturnType<typeof setUp>

const plain = { 'ipv4.address': '10.1.1.1/24', 'ipv6.address': 'none' }

async function create({ networks }: Pick<Setting, 'networks'>, name: string, config: Record<string, string> = plain) {
  await networks.create({ name, type: '', description: '', config })
}

/** Writes an instance with a NIC `eth0` on br0. */
async function addInstance({ store }: Setting, name: string, nic: Record<string, string> = {}, project = 'default') {
  const record: InstanceRecord = {
    project,
    name,
    type: 'container',
    architecture: 'x86_64',
    description: '',
    config: { 'volatile.eth0.hwaddr': `00:16:3e:00:00:0${name.at(-1)}` },
    devices: { eth0: { type: 'nic', network: 'br0', ...nic } },
    profiles: [],
    ephemeral: false,
    stateful: false,
    pool: '',
    createdAt: '',
    lastUsedAt: '',
    phase: 'ready',
  }
  await store.commit([instanceRecords(store).put(record, project, name)])
}

const put = (change: Partial<NetworkPut>) => (now: { config: Record<string, string>; description: string }) => ({
  config: now.config,
  description: now.description,
  ...change,
})

const badRequest = (error: unknown) => kindOf(error) === 'bad-request'

test('a created network is up, served and told of', async (t) => {
  const setting = setUp(t)
  await create(setting, 'br0', { ...plain, 'ipv4.nat': 'true' })

  const link = setting.links.links.get('br0')
  assert.deepEqual(link?.flags.includes('UP'), true)
  assert.deepEqual(
    link?.addresses.map(({ address, prefix }) => `${address}/${prefix}`),
    ['10.1.1.1/24'],
  )
  assert.match(link?.hwaddr ?? '', /^00:16:3e:/)
  assert.match(setting.nft.applied[0] ?? '', /masquerade/)
  assert.equal(setting.daemons.running.size, 1)
  assert.equal(setting.sysctls.values.get('net/ipv4/ip_forward'), '1')
  assert.deepEqual(setting.heard, [{ action: 'network-created', source: '/1.0/networks/br0' }])
  assert.deepEqual(await setting.networks.get('br0'), {
    name: 'br0',
    type: 'bridge',
    description: '',
    config: { ...plain, 'ipv4.nat': 'true' },
    managed: true,
    status: 'Created',
    used_by: [],
    locations: ['none'],
  })
})

test('rules are in before the link comes up', async (t) => {
  const setting = setUp(t)
  setting.nft.failure = new Error('no nft')
  await assert.rejects(create(setting, 'br0'), /no nft/)
  assert.deepEqual(setting.links.changes, [])
})

test('the host keeps its own router when it becomes one for IPv6', async (t) => {
  const setting = setUp(t)
  await create(setting, 'br0', { 'ipv4.address': 'none', 'ipv6.address': 'fd42::1/64' })
  assert.equal(setting.sysctls.values.get('net/ipv6/conf/eth0/accept_ra'), '2')
  assert.equal(setting.sysctls.values.get('net/ipv6/conf/all/forwarding'), '1')
})

test('a network that can not be made leaves nothing behind', async (t) => {
  const setting = setUp(t)
  setting.daemons.failure = new Error('bad option')
  await assert.rejects(create(setting, 'br0'), /Cannot start dnsmasq for network "br0"/)

  assert.equal(setting.links.exists('br0'), false)
  assert.deepEqual(networkRecords(setting.store).list(), [])
  assert.equal(existsSync(setting.file('br0')), false)
  assert.deepEqual(setting.heard, [])
  assert.match(setting.nft.applied.at(-1) ?? '', /delete table inet lxd/)
})

test('an update that fails puts everything back', async (t) => {
  const setting = setUp(t)
  await create(setting, 'br0')
  const before = await setting.networks.get('br0')
  const args = [...setting.daemons.running.values()].map((one) => one.args)
  setting.links.failures.set('br0', new Error('kernel says no'))

  const config = { 'ipv4.address': '10.2.2.1/24', 'ipv6.address': 'none' }
  await assert.rejects(setting.networks.update('br0', put({ config })), /kernel says no/)
  assert.deepEqual(await setting.networks.get('br0'), before)
  assert.deepEqual(
    setting.links.links.get('br0')?.addresses.map(({ address }) => address),
    ['10.1.1.1'],
  )
  assert.deepEqual(
    [...setting.daemons.running.values()].map((one) => one.args),
    args,
  )
})

test('names, types and addresses that are taken or impossible are refused', async (t) => {
  const setting = setUp(t)
  await create(setting, 'br0')
  setting.links.add('eth0')
  const config = { 'ipv4.address': '10.1.1.129/25', 'ipv6.address': 'none' }
  for (const [post, message] of [
    [{ name: '' }, /No name provided/],
    [{ name: '..' }, /Invalid network name/],
    [{ name: 'br0' }, /The network already exists/],
    [{ name: 'eth0' }, /Network interface "eth0" already exists/],
    [{ name: 'br1', type: 'ovn' }, /Unknown network type "ovn": expected one of bridge/],
    [{ name: 'br1', config }, /"ipv4.address": 10.1.1.128\/25 overlaps with 10.1.1.0\/24 of network "br0"/],
    [{ name: 'br1', config: { 'ipv4.adress': '' } }, /nearest known key is "ipv4.address"/],
  ] as const) {
    const whole = { type: '', description: '', config: {}, ...post }
    await assert.rejects(
      setting.networks.create(whole),
      (error) => badRequest(error) && message.test((error as Error).message),
      String(message),
    )
  }
  assert.deepEqual(networkRecords(setting.store).list().length, 1)
})

test('of two creations at once of one name, one is refused', async (t) => {
  const setting = setUp(t)
  const both = await Promise.allSettled([create(setting, 'br0'), create(setting, 'br0')])
  assert.deepEqual(
    both.map(({ status }) => status),
    ['fulfilled', 'rejected'],
  )
})

test('a change of the description touches nothing on the host', async (t) => {
  const setting = setUp(t)
  await create(setting, 'br0')
  const changes = setting.links.changes.length
  const applied = setting.nft.applied.length
  await setting.networks.update('br0', put({ description: 'ours', config: { ...plain, 'user.a': 'b' } }))
  assert.equal((await setting.networks.get('br0')).description, 'ours')
  assert.equal(setting.links.changes.length, changes)
  assert.equal(setting.nft.applied.length, applied)
})

test('an update that its caller objects to changes nothing', async (t) => {
  const setting = setUp(t)
  await create(setting, 'br0')
  const objecting = () => {
    throw new Error('not so')
  }
  await assert.rejects(setting.networks.update('br0', objecting), /not so/)
})

test('addresses, routes and ports of the host follow an update', async (t) => {
  const setting = setUp(t)
  setting.links.add('eth1')
  setting.links.add('eth2')
  await create(setting, 'br0', { ...plain, 'ipv4.routes': '10.7.0.0/16', 'bridge.external_interfaces': 'eth1' })
  assert.equal(setting.links.links.get('eth1')?.master, 'br0')

  const config = {
    'ipv4.address': '10.1.1.5/24',
    'ipv6.address': 'none',
    'ipv4.routes': '10.8.0.0/16',
    'bridge.external_interfaces': 'eth2',
    'bridge.mtu': '1400',
  }
  await setting.networks.update('br0', put({ config }))
  const link = setting.links.links.get('br0')
  assert.deepEqual(
    link?.addresses.map(({ address }) => address),
    ['10.1.1.5'],
  )
  assert.equal(link?.mtu, 1400)
  assert.deepEqual(
    setting.links.routes.map(({ destination }) => destination),
    ['10.8.0.0/16'],
  )
  assert.equal(setting.links.links.get('eth1')?.master, undefined)
  assert.equal(setting.links.links.get('eth2')?.master, 'br0')
})

test('an interface that is in use becomes no port', async (t) => {
  const setting = setUp(t)
  setting.links.add('eth1', { addresses: [{ family: 4, address: '192.0.2.1', prefix: 24, scope: 'global' }] })
  const config = { ...plain, 'bridge.external_interfaces': 'eth1' }
  await assert.rejects(create(setting, 'br0', config), /"eth1" can not be used: it has addresses/)
  assert.equal(setting.links.exists('br0'), false)
})

test('the next daemon takes up what runs, and changes nothing', async (t) => {
  const setting = setUp(t)
  await create(setting, 'br0')
  const { pid } = [...setting.daemons.running.values()][0]!
  const changes = setting.links.changes.length

  await setting.make().start()
  assert.equal([...setting.daemons.running.values()][0]?.pid, pid)
  const later = setting.links.changes.slice(changes)
  assert.deepEqual(later, [{ do: 'set', name: 'br0', to: { up: true } }])
})

test('the next daemon repairs what is gone or different', async (t) => {
  const setting = setUp(t)
  await create(setting, 'br0')
  setting.links.links.delete('br0')
  writeFileSync(setting.file('br0', 'dnsmasq.raw'), 'something else\n')

  await setting.make().start()
  assert.deepEqual(
    setting.links.links.get('br0')?.addresses.map(({ address }) => address),
    ['10.1.1.1'],
  )
  assert.equal(readFileSync(setting.file('br0', 'dnsmasq.raw'), 'utf8'), '\n')
})

test('the next daemon removes what was half made or half deleted', async (t) => {
  for (const phase of ['creating', 'deleting'] as const) {
    const setting = setUp(t)
    await create(setting, 'br0')
    const records = networkRecords(setting.store)
    const { value } = records.get('default', 'br0')!
    await setting.store.commit([records.put({ ...value, phase }, 'default', 'br0')])

    await setting.make().start()
    assert.deepEqual(records.list(), [])
    assert.equal(setting.links.exists('br0'), false)
    assert.equal(setting.daemons.running.size, 0)
    assert.equal(existsSync(setting.file('br0')), false)
  }
})

test('a network that does not come up stops neither the others nor the daemon', async (t) => {
  const setting = setUp(t)
  await create(setting, 'br0')
  await create(setting, 'br1', { 'ipv4.address': '10.2.2.1/24', 'ipv6.address': 'none' })
  setting.links.links.clear()
  setting.links.broken.add('br0')

  const next = setting.make()
  await next.start()
  assert.equal((await next.get('br0')).status, 'Unavailable')
  assert.equal((await next.get('br1')).status, 'Created')

  setting.links.broken.clear()
  await addInstance(setting, 'c1')
  await next.attach('br0', { project: 'default', instance: 'c1', device: 'eth0', hwaddr: '00:16:3e:00:00:01' })
  assert.equal((await next.get('br0')).status, 'Created')
  assert.ok(setting.links.exists('br0'))
})

test('a NIC that starts finds its network up, whoever took it down', async (t) => {
  const setting = setUp(t)
  await create(setting, 'br0')
  await addInstance(setting, 'c1')
  const nic = { project: 'default', instance: 'c1', device: 'eth0', hwaddr: '00:16:3e:00:00:01' }

  setting.daemons.running.clear()
  await setting.networks.attach('br0', nic)
  assert.equal(setting.daemons.running.size, 1)
  setting.links.links.delete('br0')
  await setting.networks.attach('br0', nic)
  assert.ok(setting.links.links.get('br0')?.flags.includes('UP'))
})

test('a clean stop takes down the networks that nobody is on', async (t) => {
  const setting = setUp(t)
  await create(setting, 'br0')
  await create(setting, 'br1', { 'ipv4.address': '10.2.2.1/24', 'ipv6.address': 'none' })
  setting.links.add('veth1', { master: 'br1' })

  await setting.networks.stop()
  assert.equal(setting.links.exists('br0'), false)
  assert.deepEqual(readdirSync(setting.file('br0')), ['dnsmasq.hosts'])
  assert.equal(setting.links.exists('br1'), true)
  assert.equal(setting.daemons.running.size, 1)
})

test('networks in use are neither deleted nor renamed', async (t) => {
  const setting = setUp(t)
  await create(setting, 'br0')
  const profile = {
    project: 'default',
    name: 'p',
    description: '',
    config: {},
    devices: { n: { type: 'nic', parent: 'br0' } },
  }
  const records = profileRecords(setting.store)
  await setting.store.commit([records.put(profile, 'default', 'p')])
  await addInstance(setting, 'c1', {}, 'a b')

  assert.deepEqual((await setting.networks.get('br0')).used_by, ['/1.0/profiles/p', '/1.0/instances/c1?project=a%20b'])
  await assert.rejects(setting.networks.delete('br0'), badRequest)
  await assert.rejects(setting.networks.rename('br0', 'br1'), badRequest)
  await setting.store.commit([records.delete('default', 'p'), instanceRecords(setting.store).delete('a b', 'c1')])
  await setting.networks.delete('br0')
  assert.deepEqual(networkRecords(setting.store).list(), [])
  assert.equal(existsSync(setting.file('br0')), false)
})

test('an instance uses the networks of its profiles, but for what it hides', async (t) => {
  const setting = setUp(t)
  await create(setting, 'br0')
  const profile = {
    project: 'default',
    name: 'p',
    description: '',
    config: {},
    devices: { eth0: { type: 'nic', network: 'br0' } },
  }
  await setting.store.commit([profileRecords(setting.store).put(profile, 'default', 'p')])
  await addInstance(setting, 'c1')
  const records = instanceRecords(setting.store)
  const { value } = records.get('default', 'c1')!
  const used = async () => (await setting.networks.get('br0')).used_by.includes('/1.0/instances/c1')

  await setting.store.commit([records.put({ ...value, devices: {}, profiles: ['p'] }, 'default', 'c1')])
  assert.equal(await used(), true)
  await setting.store.commit([
    records.put({ ...value, devices: { eth0: { type: 'none' } }, profiles: ['p'] }, 'default', 'c1'),
  ])
  assert.equal(await used(), false)
})

test('a renamed network keeps its MAC address', async (t) => {
  const setting = setUp(t)
  await create(setting, 'br0')
  const hwaddr = setting.links.links.get('br0')?.hwaddr
  await setting.networks.rename('br0', 'br9')
  assert.equal(setting.links.exists('br0'), false)
  assert.equal(setting.links.links.get('br9')?.hwaddr, hwaddr)
  assert.deepEqual(setting.heard.at(-1), {
    action: 'network-renamed',
    source: '/1.0/networks/br9',
    context: { old_name: 'br0' },
  })
  assert.equal(existsSync(setting.file('br0')), false)
})

test('a rename that fails leaves the network as it was', async (t) => {
  const setting = setUp(t)
  await create(setting, 'br0')
  setting.links.failures.set('br9', new Error('no'))
  await assert.rejects(setting.networks.rename('br0', 'br9'), /no/)
  assert.deepEqual(
    (await setting.networks.list()).map(({ name }) => name),
    ['br0', 'lo'],
  )
  assert.ok(setting.links.exists('br0'))
  assert.equal(setting.daemons.running.size, 1)
})

test('interfaces of the host are shown beside, the ends of NICs are not', async (t) => {
  const setting = setUp(t)
  setting.links.add('eth0', { hardware: true })
  setting.links.add('docker0', { kind: 'bridge' })
  setting.links.add('tun0', { kind: 'tun' })
  setting.links.add('veth12345678', { kind: 'veth' })
  await create(setting, 'br0')

  const shown = (await setting.networks.list()).map(({ name, type, managed }) => [name, type, managed])
  assert.deepEqual(shown, [
    ['br0', 'bridge', true],
    ['lo', 'loopback', false],
    ['eth0', 'physical', false],
    ['docker0', 'bridge', false],
    ['tun0', 'unknown', false],
  ])
  for (const change of [
    setting.networks.get('nope'),
    setting.networks.delete('eth0'),
    setting.networks.update('eth0', put({})),
    setting.networks.rename('eth0', 'br1'),
    setting.networks.leases('eth0', 'default'),
    setting.networks.state('nope'),
  ]) {
    await assert.rejects(change, (error) => kindOf(error) === 'not-found')
  }
})

test('a NIC is in DNS under the name of its instance, and goes with it', async (t) => {
  const setting = setUp(t)
  await create(setting, 'br0')
  await addInstance(setting, 'c1')
  const nic = { project: 'default', instance: 'c1', device: 'eth0', hwaddr: '00:16:3e:00:00:01' }

  assert.equal(await setting.networks.attach('br0', { ...nic, ipv4: '10.1.1.7' }), true)
  assert.equal(readFileSync(setting.file('br0', 'dnsmasq.hosts', 'c1.eth0'), 'utf8'), '00:16:3e:00:00:01,10.1.1.7,c1\n')
  assert.equal(setting.daemons.reloads.length, 1)
  assert.equal(await setting.networks.attach('br0', { ...nic, ipv4: '10.1.1.7' }), false)
  assert.equal(setting.daemons.reloads.length, 1, 'nothing has changed')

  writeFileSync(
    setting.file('br0', 'dnsmasq.leases'),
    '1 00:16:3e:00:00:01 10.1.1.7 c1 *\n1 00:16:3e:00:00:02 10.1.1.8 c2 *\n',
  )
  await setting.networks.detach('br0', nic)
  assert.deepEqual(readdirSync(setting.file('br0', 'dnsmasq.hosts')), [])
  assert.deepEqual(setting.released, [
    { family: 4, server: '10.1.1.1', address: '10.1.1.7', hwaddr: '00:16:3e:00:00:01' },
  ])
})

test('leases of DHCPv6 are given back too', async (t) => {
  const setting = setUp(t)
  await create(setting, 'br0', { 'ipv4.address': 'none', 'ipv6.address': 'fd42::1/64', 'ipv6.dhcp.stateful': 'true' })
  writeFileSync(
    setting.file('br0', 'dnsmasq.leases'),
    'duid 00:01:aa\n1 5 fd42::7 c1 00:03:00:01:00:16:3e:00:00:01\n1 6 fd42::8 c1 00:02:ab\n1 7 fd42::9 c2 00:02:ac\n',
  )
  await setting.networks.detach('br0', {
    project: 'default',
    instance: 'c1',
    device: 'eth0',
    hwaddr: '00:16:3e:00:00:01',
  })
  const server = { family: 6, link: 'br0', serverDuid: '00:01:aa' }
  assert.deepEqual(setting.released, [
    { ...server, address: 'fd42::7', clientDuid: '00:03:00:01:00:16:3e:00:00:01', iaid: 5 },
    { ...server, address: 'fd42::8', clientDuid: '00:02:ab', iaid: 6 },
  ])
})

test('a renamed instance leaves its old name', async (t) => {
  const setting = setUp(t)
  await create(setting, 'br0')
  await addInstance(setting, 'a1')
  const nic = { project: 'default', device: 'eth0', hwaddr: '00:16:3e:00:00:01' }
  await setting.networks.attach('br0', { ...nic, instance: 'a1' })
  await setting.store.commit([instanceRecords(setting.store).delete('default', 'a1')])
  await addInstance(setting, 'b1')
  await setting.networks.attach('br0', { ...nic, instance: 'b1' })
  assert.deepEqual(readdirSync(setting.file('br0', 'dnsmasq.hosts')), ['b1.eth0'])
})

test('a name belongs to the instance that came up with it first', async (t) => {
  const setting = setUp(t)
  await create(setting, 'br0')
  await addInstance(setting, 'c1')
  await addInstance(setting, 'C1', {}, 'other')
  await setting.networks.attach('br0', {
    project: 'default',
    instance: 'c1',
    device: 'eth0',
    hwaddr: '00:16:3e:00:00:01',
  })

  const second = { project: 'other', instance: 'C1', device: 'eth0', hwaddr: '00:16:3e:00:00:02' }
  await assert.rejects(setting.networks.attach('br0', second), /Instance DNS name "C1" already used on network "br0"/)
  await setting.networks.update('br0', put({ config: { ...plain, 'dns.mode': 'none' } }))
  await setting.networks.attach('br0', second)
})

test('what dnsmasq is told follows the mode of DNS, and the instances there are', async (t) => {
  const setting = setUp(t)
  await create(setting, 'br0')
  await addInstance(setting, 'c1')
  await addInstance(setting, 'c2', { 'ipv4.address': '10.1.1.20' })
  await addInstance(setting, 'c3')
  const nic = { project: 'default', device: 'eth0' }
  await setting.networks.attach('br0', { ...nic, instance: 'c1', hwaddr: '00:16:3e:00:00:01' })
  await setting.networks.attach('br0', { ...nic, instance: 'c9', hwaddr: '00:16:3e:00:00:09' })
  const hosts = () =>
    readdirSync(setting.file('br0', 'dnsmasq.hosts'))
      .toSorted()
      .map((name) => `${name} ${readFileSync(setting.file('br0', 'dnsmasq.hosts', name), 'utf8').trim()}`)

  await setting.make().start()
  assert.deepEqual(hosts(), ['c1.eth0 00:16:3e:00:00:01,c1', 'c2.eth0 00:16:3e:00:00:02,10.1.1.20,c2'])
  await setting.networks.update('br0', put({ config: { ...plain, 'dns.mode': 'dynamic' } }))
  assert.deepEqual(hosts(), ['c2.eth0 00:16:3e:00:00:02,10.1.1.20'])
})

test('leases are those of the instances of the project', async (t) => {
  const setting = setUp(t)
  await create(setting, 'br0', { 'ipv4.address': '10.1.1.1/24', 'ipv6.address': 'fd42::1/64' })
  await addInstance(setting, 'c1')
  await addInstance(setting, 'c2', { 'ipv4.address': '10.1.1.20' }, 'other')
  writeFileSync(
    setting.file('br0', 'dnsmasq.leases'),
    `1 00:16:3e:00:00:01 10.1.1.7 c1 *\n1 00:16:3e:00:00:02 10.1.1.20 c2 *\n1 00:16:3e:00:00:03 10.1.1.9 evil *\n`,
  )
  const leases = async (project: string) =>
    (await setting.networks.leases('br0', project)).map(
      ({ hostname, address, type }) => `${hostname} ${address} ${type}`,
    )

  assert.deepEqual(await leases('default'), [
    'br0.gw 10.1.1.1 gateway',
    'br0.gw fd42::1 gateway',
    'c1 10.1.1.7 dynamic',
    'c1 fd42::216:3eff:fe00:1 dynamic',
  ])
  assert.deepEqual(await leases('other'), ['c2 10.1.1.20 static', 'c2 fd42::216:3eff:fe00:2 dynamic'])
})
