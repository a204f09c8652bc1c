import assert from 'node:assert/strict'
import { existsSync, readFileSync, readdirSync } from 'node:fs'
import test from 'node:test'
import { explain, kindOf } from '#base/failure.ts'
import { enterSandbox } from '../sandbox.ts'
import { directory, eventually, Guest, links, makeNetworks, nft, sh } from './network-bed.ts'

enterSandbox(import.meta)

const config = { 'ipv4.address': '10.91.0.1/24', 'ipv6.address': 'fd91::1/64', 'ipv4.nat': 'true' }
const networks = await makeNetworks()
const c1 = new Guest('c1', '00:16:3e:00:00:01', { network: 'br0' })
const c2 = new Guest('c2', '00:16:3e:00:00:02', { network: 'br0', 'ipv4.address': '10.91.0.77' })
const server = '10.91.0.1'
let address1 = ''

const dnsmasqPid = () => Number(readFileSync(`${directory}/networks/br0/dnsmasq.pid`, 'utf8'))
const leases = () => readFileSync(`${directory}/networks/br0/dnsmasq.leases`, 'utf8')
const hasDnsmasq = () =>
  sh('ps', '-eo', 'comm,stat')
    .split('\n')
    .some((line) => /^dnsmasq +[^Z]/.test(line))

test('a network comes up with its rules, beside those of others', async () => {
  sh('nft', 'add', 'table', 'inet', 'theirs')
  await networks.create({ name: 'br0', type: 'bridge', description: '', config })

  const rules = sh('nft', 'list', 'ruleset')
  assert.match(rules, /table inet theirs/)
  assert.match(rules, /ip saddr 10\.91\.0\.0\/24 ip daddr != 10\.91\.0\.0\/24 masquerade/)
  const link = await links.read('br0')
  assert.deepEqual(
    link?.addresses.filter(({ scope }) => scope === 'global').map(({ address, prefix }) => `${address}/${prefix}`),
    ['10.91.0.1/24', 'fd91::1/64'],
  )
  assert.equal(readFileSync('/proc/sys/net/ipv6/conf/br0/accept_ra', 'utf8').trim(), '0')
  const status = readFileSync(`/proc/${dnsmasqPid()}/status`, 'utf8')
  assert.doesNotMatch(status, /^Uid:\t0/m, 'dnsmasq runs without rights')
})

test('every kind of rule is one the kernel takes', async () => {
  for (const change of [
    { 'ipv4.nat.order': 'after', 'ipv6.nat': 'true', 'ipv6.nat.address': 'fd91::9', 'ipv4.nat.address': '192.0.2.1' },
    { 'ipv4.routing': 'false', 'ipv6.routing': 'false' },
    { 'ipv4.firewall': 'false', 'ipv6.firewall': 'false', 'ipv4.dhcp': 'false' },
    { 'ipv4.routes': '10.92.0.0/16', 'ipv6.routes': 'fd92::/64', 'bridge.mtu': '1400' },
    { 'dns.mode': 'none' },
    { 'dns.mode': 'dynamic', 'dns.search': 'a.example,b' },
    { 'ipv6.dhcp.stateful': 'true' },
    { 'ipv6.dhcp': 'false' },
    {},
  ]) {
    await networks.update('br0', () => ({ description: '', config: { ...config, ...change } }))
  }
  assert.equal(
    (await links.readRoutes()).some(({ destination }) => destination === '10.92.0.0/16'),
    false,
  )
  assert.equal((await links.read('br0'))?.mtu, 1500)
})

test('an instance is in DNS under its own name, whatever name it claims', async () => {
  await c1.start(networks)
  address1 = c1.dhcp('-x', 'hostname:evil', '-F', 'evil.lxd')
  c1.run('ip', 'address', 'add', `${address1}/24`, 'dev', 'eth0')

  assert.deepEqual(c1.lookUp('c1.lxd', server), [address1])
  for (const name of ['evil', 'evil.lxd']) assert.deepEqual(c1.lookUp(name, server), [])
  assert.match(leases(), new RegExp(`00:16:3e:00:00:01 ${address1} c1 `))
  assert.deepEqual(c1.lookUp('_gateway.lxd', server).includes(server), true)
})

test('a static address is the one that is given', async () => {
  await c2.start(networks)
  assert.equal(c2.dhcp(), '10.91.0.77')
  c2.run('ip', 'address', 'add', '10.91.0.77/24', 'dev', 'eth0')
  assert.deepEqual(c1.lookUp('c2.lxd', server), ['10.91.0.77'])
  c1.run('busybox', 'ping', '-c', '1', '-W', '5', '10.91.0.77')
})

test("an instance can not take another's name", () => {
  c2.dhcp('-x', 'hostname:c1', '-F', 'c1.lxd')
  assert.deepEqual(c2.lookUp('c1.lxd', server), [address1])

  // Nor under a MAC address that nobody knows, or with the other's own and an identity that would get a new lease.
  c2.run('ip', 'link', 'set', 'eth0', 'address', '00:16:3e:00:00:99')
  c2.dhcp('-x', 'hostname:c1')
  assert.deepEqual(c1.lookUp('c1.lxd', server), [address1])
  c2.run('ip', 'link', 'set', 'eth0', 'address', '00:16:3e:00:00:98')
  c2.dhcp('-x', 'hostname:printer')
  assert.deepEqual(c1.lookUp('printer.lxd', server), [])
  c2.run('ip', 'link', 'set', 'eth0', 'address', '00:16:3e:00:00:01')
  assert.equal(c2.dhcp('-C', '-x', '0x3d:00c0ffee', '-x', 'hostname:evil'), address1)
  assert.equal(leases().match(/ c1 /g)?.length, 1)
  c2.run('ip', 'link', 'set', 'eth0', 'address', '00:16:3e:00:00:02')
})

test('the address an instance chose by SLAAC is in DNS too', async () => {
  const chosen = 'fd91::216:3eff:fe00:1'
  await eventually('there is a AAAA record', () => c1.lookUp('c1.lxd', server, 'aaaa').includes(chosen))
})

test('leases show names, gateways and both kinds of addresses', async () => {
  const shown = await networks.leases('br0', 'default')
  const lines = shown.map(({ hostname, address, type }) => `${hostname} ${address} ${type}`)
  for (const line of [
    'br0.gw 10.91.0.1 gateway',
    `c1 ${address1} dynamic`,
    'c1 fd91::216:3eff:fe00:1 dynamic',
    'c2 10.91.0.77 static',
  ]) {
    assert.ok(lines.includes(line), `${line} in ${lines.join(', ')}`)
  }
  assert.equal(
    shown.some(({ hwaddr }) => hwaddr === '00:16:3e:00:00:99'),
    false,
  )
})

test('the state of a network is what the kernel says', async () => {
  const state = await networks.state('br0')
  assert.equal(state.state, 'up')
  assert.equal(state.bridge?.upper_devices.length, 2)
  assert.match(state.bridge?.id ?? '', /^8000\.00163e[0-9a-f]{6}$/)
  assert.ok(state.counters.bytes_received > 0)
})

test('the next daemon takes up the dnsmasq that runs', async () => {
  const before = dnsmasqPid()
  const next = await makeNetworks()
  await next.start()
  assert.equal(dnsmasqPid(), before)
  assert.deepEqual(c1.lookUp('c1.lxd', server), [address1])
})

test('one that was killed is started again, and knows its leases', async () => {
  process.kill(dnsmasqPid(), 'SIGKILL')
  await eventually('it is gone', () => !hasDnsmasq())
  await (await makeNetworks()).start()
  assert.deepEqual(c1.lookUp('c1.lxd', server), [address1])
})

test('a stale pid file harms nobody', async () => {
  const real = dnsmasqPid()
  sh('sh', '-c', `echo ${process.pid} >${directory}/networks/br0/dnsmasq.pid`)
  await (await makeNetworks()).start()
  await networks.update('br0', () => ({ description: '', config: { ...config, 'dns.domain': 'example' } }))
  assert.notEqual(dnsmasqPid(), real)
  assert.deepEqual(c1.lookUp('c1.example', server), [address1])
})

test('a bad line of the administrator leaves the network as it was', async () => {
  const change = () => ({ description: '', config: { ...config, 'raw.dnsmasq': 'nonsense' } })
  await assert.rejects(
    networks.update('br0', change),
    (error) => kindOf(error) === 'bad-request' && /"raw.dnsmasq".*bad option at line 1/.test(explain(error)),
  )
  assert.deepEqual(c1.lookUp('c1.example', server), [address1])
  assert.equal((await networks.get('br0')).config['raw.dnsmasq'], undefined)
})

test('the host takes no route from a guest that plays router', async () => {
  c1.run('ip', 'address', 'add', 'fd66::1/64', 'dev', 'eth0', 'nodad')
  const files = ['--conf-file=/dev/null', '--pid-file=/tmp/rogue.pid', '--dhcp-leasefile=/tmp/rogue.leases']
  const rogue = ['--port=0', '--interface=eth0', '--bind-interfaces', '--enable-ra', '--dhcp-range=fd66::,ra-only,64']
  c1.run('dnsmasq', ...files, ...rogue, '--ra-param=eth0,4')
  try {
    await eventually('the other guest believes it', () => c2.run('ip', '-6', 'route').includes('fd66::/64'))
    assert.doesNotMatch(sh('ip', '-6', 'route'), /fd66|default/)
    assert.doesNotMatch(sh('ip', '-6', 'address', 'show', 'dev', 'br0'), /fd66/)
  } finally {
    process.kill(Number(readFileSync('/tmp/rogue.pid', 'utf8')))
  }
})

test('an isolated NIC reaches the gateway, but no other that is isolated', async () => {
  const nic = { network: 'br0', 'security.port_isolation': 'true' }
  const guests = [new Guest('i3', '00:16:3e:00:00:03', nic), new Guest('i4', '00:16:3e:00:00:04', nic)]
  for (const guest of guests) {
    await guest.start(networks)
    guest.run('ip', 'address', 'add', `${guest.dhcp()}/24`, 'dev', 'eth0')
  }
  const [i3, i4] = guests as [Guest, Guest]
  const [other] = i3.lookUp('i4.example', server)
  assert.throws(() => i3.run('busybox', 'ping', '-c', '1', '-W', '1', other!))
  i3.run('busybox', 'ping', '-c', '1', '-W', '5', server)
  for (const guest of [i3, i4]) await guest.delete(networks)
})

test('an instance that is deleted gives its lease and its name back', async () => {
  await c1.delete(networks)
  await eventually('the lease is gone', () => !leases().includes('00:16:3e:00:00:01'))
  assert.deepEqual(c2.lookUp('c1.example', server), [])
  assert.deepEqual(readdirSync(`${directory}/networks/br0/dnsmasq.hosts`), ['c2.eth0'])
})

test('names are safe from DHCPv6 too, and its leases are given back', async () => {
  const six = {
    ...config,
    'ipv4.address': 'none',
    'ipv4.nat': '',
    'ipv6.address': 'fd96::1/64',
    'ipv6.dhcp.stateful': 'true',
  }
  await networks.create({ name: 'br6', type: '', description: '', config: six })
  const five = new Guest('c5', '00:16:3e:00:00:05', { network: 'br6', 'ipv6.address': 'fd96::55' })
  const six6 = new Guest('c6', '00:16:3e:00:00:06', { network: 'br6' })
  for (const guest of [five, six6]) {
    await guest.start(networks)
    await eventually('the link-local address can be used', () => {
      return !/tentative|^$/.test(guest.run('ip', '-6', 'address', 'show', 'dev', 'eth0', 'scope', 'link'))
    })
  }
  assert.equal(five.dhcp6('evil'), 'fd96::55')
  const other = six6.dhcp6('c5')
  six6.run('ip', 'address', 'add', `${other}/64`, 'dev', 'eth0', 'nodad')
  assert.deepEqual(six6.lookUp('c5.lxd', 'fd96::1', 'aaaa'), ['fd96::55'])
  assert.deepEqual(six6.lookUp('c6.lxd', 'fd96::1', 'aaaa'), [other])
  assert.deepEqual(six6.lookUp('evil.lxd', 'fd96::1', 'aaaa'), [])

  const file = () => readFileSync(`${directory}/networks/br6/dnsmasq.leases`, 'utf8')
  assert.ok(file().includes('fd96::55'))
  await five.delete(networks)
  await eventually('the lease is gone', () => !file().includes('fd96::55'))
  await six6.delete(networks)
  await networks.delete('br6')
})

test('a clean stop leaves a network that is in use', async () => {
  await networks.stop()
  assert.deepEqual(c2.lookUp('c2.example', server), ['10.91.0.77'])
})

test('a clean stop leaves nothing of a network that is not', async () => {
  await c2.delete(networks)
  await networks.stop()
  assert.deepEqual(
    (await links.readAll()).map(({ name }) => name),
    ['lo'],
  )
  assert.deepEqual(await nft.readChains({ family: 'inet', name: 'lxd' }), [])
  assert.equal(sh('nft', 'list', 'ruleset').trim(), 'table inet theirs {\n}')
  assert.equal(hasDnsmasq(), false)
  assert.deepEqual(readdirSync(`${directory}/networks/br0`).toSorted(), ['dnsmasq.hosts', 'dnsmasq.leases'])
})

test('a deleted network is gone', async () => {
  await networks.start()
  await networks.delete('br0')
  assert.equal(links.exists('br0'), false)
  assert.equal(hasDnsmasq(), false)
  assert.equal(existsSync(`${directory}/networks/br0`), false)
})
