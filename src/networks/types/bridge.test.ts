import assert from 'node:assert/strict'
import { test } from 'node:test'
import { Failure } from '#base/failure.ts'
import { checkConfig } from '#config/config.ts'
import type { Config } from '#config/config.ts'
import { bridge } from './bridge.ts'

const free = { pick: async (family: 4 | 6) => (family === 4 ? '10.7.7.1/24' : 'fd42:7::1/64') }

function check(config: Config): void {
  checkConfig('network', bridge.keys, config)
  bridge.check({ name: 'br0', config, hwaddr: '' })
}

function plan(config: Config) {
  check(config)
  return bridge.plan({ name: 'br0', config, hwaddr: '00:16:3e:00:00:01' })
}

test('a new network gets free subnets, and NAT for those', async () => {
  assert.deepEqual(await bridge.complete({}, free), {
    'ipv4.address': '10.7.7.1/24',
    'ipv4.nat': 'true',
    'ipv6.address': 'fd42:7::1/64',
    'ipv6.nat': 'true',
  })
  assert.deepEqual(await bridge.complete({ 'ipv4.address': '10.1.1.1/24', 'ipv6.address': 'none' }, free), {
    'ipv4.address': '10.1.1.1/24',
    'ipv6.address': 'none',
  })
  assert.deepEqual(
    await bridge.complete({ 'ipv4.address': 'auto', 'ipv4.nat': 'false', 'ipv6.address': 'none' }, free),
    {
      'ipv4.address': '10.7.7.1/24',
      'ipv4.nat': 'false',
      'ipv6.address': 'none',
    },
  )
})

test('without IPv6 on the host a new network has none', async () => {
  const host = { pick: async (family: 4 | 6) => (family === 4 ? '10.7.7.1/24' : undefined) }
  assert.deepEqual(await bridge.complete({}, host), {
    'ipv4.address': '10.7.7.1/24',
    'ipv4.nat': 'true',
    'ipv6.address': 'none',
  })
})

test('an update fills in nothing but what is "auto"', async () => {
  assert.deepEqual(await bridge.resolve({ 'user.a': 'b' }, free), { 'user.a': 'b' })
  assert.deepEqual(await bridge.resolve({ 'ipv4.address': 'auto' }, free), { 'ipv4.address': '10.7.7.1/24' })
})

test('good configurations are taken', () => {
  for (const config of [
    {},
    { 'ipv4.address': 'none', 'ipv6.address': 'none' },
    { 'ipv4.address': '10.1.1.1/24', 'ipv4.dhcp.ranges': '10.1.1.2-10.1.1.9, 10.1.1.20-10.1.1.20' },
    { 'ipv4.address': '10.1.1.1/30' },
    { 'ipv4.address': '10.1.1.1/32', 'ipv4.dhcp': 'false' },
    { 'ipv4.address': '10.1.1.1/24', 'ipv4.nat': 'on', 'ipv4.nat.address': '1.2.3.4', 'ipv4.nat.order': 'after' },
    { 'ipv4.address': '10.1.1.1/24', 'ipv4.routes': '10.2.0.0/16,10.3.0.0/16', 'ipv4.dhcp.expiry': 'infinite' },
    { 'ipv6.address': 'fd42::1/64', 'ipv6.dhcp.stateful': 'true', 'ipv6.dhcp.ranges': 'fd42::10-fd42::20' },
    { 'dns.domain': 'a-b.example', 'dns.search': 'x.y, z', 'dns.mode': 'dynamic', 'user.x': '\n' },
    { 'bridge.mtu': '9000', 'bridge.hwaddr': '00:16:3E:11:22:33', 'bridge.external_interfaces': 'eth1,eth2' },
  ]) {
    check(config)
  }
})

test('bad configurations are refused with the name of the key', () => {
  const bad: [Config, string][] = [
    [{ 'ipv4.adress': '10.1.1.1/24' }, 'ipv4.adress'],
    [{ 'ipv4.address': '10.1.1.1' }, 'ipv4.address'],
    [{ 'ipv4.address': 'fd42::1/64' }, 'ipv4.address'],
    [{ 'ipv4.address': '10.1.1.0/24' }, 'ipv4.address'],
    [{ 'ipv4.address': '10.1.1.255/24' }, 'ipv4.address'],
    [{ 'ipv4.address': '10.1.1.1/31' }, 'ipv4.address'],
    [{ 'ipv6.address': 'fd42::/64' }, 'ipv6.address'],
    [{ 'ipv6.address': 'fd42::1/48', 'ipv6.dhcp.stateful': 'true' }, 'ipv6.address'],
    [{ 'ipv4.nat': 'ture' }, 'ipv4.nat'],
    [{ 'ipv4.nat.address': 'fd42::1' }, 'ipv4.nat.address'],
    [{ 'ipv4.nat.order': 'first' }, 'ipv4.nat.order'],
    [{ 'ipv4.address': '10.1.1.1/24', 'ipv4.dhcp.ranges': '10.1.2.1-10.1.2.9' }, 'ipv4.dhcp.ranges'],
    [{ 'ipv4.dhcp.ranges': '10.1.1.9-10.1.1.2' }, 'ipv4.dhcp.ranges'],
    [{ 'ipv4.dhcp.ranges': '10.1.1.9' }, 'ipv4.dhcp.ranges'],
    [{ 'ipv4.dhcp.ranges': '10.1.1.1-10.1.1.2-10.1.1.3' }, 'ipv4.dhcp.ranges'],
    [{ 'ipv4.address': '10.1.1.1/24', 'ipv4.dhcp.gateway': '10.1.2.1' }, 'ipv4.dhcp.gateway'],
    [{ 'ipv4.dhcp.expiry': '1h,set:x' }, 'ipv4.dhcp.expiry'],
    [{ 'ipv4.routes': '10.1.1.1/24' }, 'ipv4.routes'],
    [{ 'ipv4.routes': '10.1.1.0' }, 'ipv4.routes'],
    [{ 'bridge.mtu': '100' }, 'bridge.mtu'],
    [{ 'bridge.hwaddr': '00:16:3e' }, 'bridge.hwaddr'],
    [{ 'bridge.external_interfaces': 'eth0,br0' }, 'bridge.external_interfaces'],
    [{ 'bridge.external_interfaces': '-x' }, 'bridge.external_interfaces'],
    [{ 'dns.domain': 'a b' }, 'dns.domain'],
    [{ 'dns.domain': 'lxd\nlocal=/x/' }, 'dns.domain'],
    [{ 'dns.domain': '-a' }, 'dns.domain'],
    [{ 'dns.search': 'a,,b' }, 'dns.search'],
    [{ 'dns.mode': 'all' }, 'dns.mode'],
    [{ 'raw.dnsmasq': 'a\0b' }, 'raw.dnsmasq'],
    [{ 'bridge.driver': 'openvswitch' }, 'bridge.driver'],
  ]
  for (const [config, key] of bad) {
    assert.throws(
      () => check(config),
      (error) => error instanceof Failure && error.kind === 'bad-request' && error.message.includes(`"${key}"`),
      JSON.stringify(config),
    )
  }
})

test('the plan of a network follows from its keys', () => {
  const full = plan({
    'ipv4.address': '10.1.1.1/24',
    'ipv4.routes': '10.2.0.0/16',
    'ipv6.address': 'fd42::1/64',
    'ipv6.routing': 'false',
    'bridge.mtu': '1400',
    'bridge.external_interfaces': 'eth1',
  })
  assert.deepEqual(full.link, {
    name: 'br0',
    hwaddr: '00:16:3e:00:00:01',
    mtu: 1400,
    addresses: ['10.1.1.1/24', 'fd42::1/64'],
    routes: ['10.2.0.0/16'],
    ports: ['eth1'],
  })
  assert.deepEqual(full.forwarding, [4])
  assert.deepEqual(full.dnsmasq?.ipv4, {
    address: '10.1.1.1',
    ranges: [{ first: '10.1.1.2', last: '10.1.1.254' }],
    expiry: '1h',
    gateway: undefined,
    mtu: 1400,
  })
  assert.equal(full.dnsmasq?.ipv6?.mode, 'stateless')
  assert.deepEqual(plan({ 'bridge.hwaddr': '00:16:3E:AA:00:01' }).link.hwaddr, '00:16:3e:aa:00:01')
})

test('a network without addresses is only a bridge', () => {
  const none = plan({ 'ipv4.address': 'none', 'ipv4.routes': '10.2.0.0/16' })
  assert.equal(none.dnsmasq, undefined)
  assert.deepEqual(none.chains, [])
  assert.deepEqual(none.forwarding, [])
  assert.deepEqual(none.link.routes, [])
})

test('the host learns neither routes nor addresses from guests', () => {
  const sysctls = plan({}).sysctls.map(({ path, value }) => `${path.join('/')}=${value}`)
  assert.ok(sysctls.includes('net/ipv6/conf/br0/accept_ra=0'))
  assert.ok(sysctls.includes('net/ipv6/conf/br0/autoconf=0'))
})

test('the smallest subnets have the addresses they have', () => {
  const ranges = (address: string) => plan({ 'ipv4.address': address }).dnsmasq?.ipv4?.ranges
  assert.deepEqual(ranges('10.1.1.1/30'), [{ first: '10.1.1.2', last: '10.1.1.2' }])
  assert.deepEqual(ranges('10.1.1.5/29'), [{ first: '10.1.1.2', last: '10.1.1.6' }])
})
