import assert from 'node:assert/strict'
import { test } from 'node:test'
import { dhcpHostLine, dnsmasqArguments, dnsmasqFiles } from './dnsmasq-config.ts'
import type { DnsmasqSettings } from './dnsmasq-config.ts'

const files = dnsmasqFiles('/lxd/networks/br0')
const account = { user: 'nobody', group: 'nogroup' }
const settings: DnsmasqSettings = {
  link: 'br0',
  ipv4: {
    address: '10.0.0.1',
    ranges: [{ first: '10.0.0.2', last: '10.0.0.254' }],
    expiry: '1h',
    gateway: undefined,
    mtu: undefined,
  },
  ipv6: { address: 'fd42::1', prefix: 64, mode: 'stateless', ranges: [], expiry: '1h' },
  dns: { mode: 'managed', domain: 'lxd', search: [] },
  raw: '',
}

function has(changed: Partial<DnsmasqSettings>, ...args: string[]): boolean {
  const found = dnsmasqArguments({ ...settings, ...changed }, files, account)
  return args.every((arg) => found.includes(arg))
}

test('a network is served on its own link, without rights, and names come from us alone', () => {
  assert.deepEqual(dnsmasqArguments(settings, files, account), [
    '--pid-file=/lxd/networks/br0/dnsmasq.pid',
    '--user=nobody',
    '--group=nogroup',
    '--conf-file=/lxd/networks/br0/dnsmasq.raw',
    '--strict-order',
    '--bind-interfaces',
    '--interface=br0',
    '--except-interface=lo',
    '--listen-address=10.0.0.1',
    '--listen-address=fd42::1',
    '--no-ping',
    '--quiet-dhcp',
    '--quiet-dhcp6',
    '--quiet-ra',
    '--dhcp-authoritative',
    '--dhcp-no-override',
    '--dhcp-rapid-commit',
    '--dhcp-ignore-clid',
    '--dhcp-leasefile=/lxd/networks/br0/dnsmasq.leases',
    '--dhcp-hostsfile=/lxd/networks/br0/dnsmasq.hosts',
    '--dhcp-range=10.0.0.2,10.0.0.254,1h',
    '--enable-ra',
    '--dhcp-range=::,constructor:br0,ra-stateless,ra-names',
    '--dhcp-ignore-names',
    '--domain=lxd',
    '--local=/lxd/',
    '--interface-name=_gateway.lxd,br0',
  ])
})

test('each key has its option', () => {
  const ipv4 = settings.ipv4!
  const ipv6 = settings.ipv6!
  assert.ok(has({ ipv4: { ...ipv4, gateway: '10.0.0.9', mtu: 1400 } }, '--dhcp-option-force=3,10.0.0.9'))
  assert.ok(has({ ipv4: { ...ipv4, mtu: 1400 } }, '--dhcp-option-force=26,1400'))
  assert.ok(has({ ipv6: { ...ipv6, mode: 'ra-only' } }, '--dhcp-range=::,constructor:br0,ra-only'))
  const ranges = [{ first: 'fd42::10', last: 'fd42::20' }]
  assert.ok(has({ ipv6: { ...ipv6, mode: 'stateful', ranges } }, '--dhcp-range=fd42::10,fd42::20,64,1h'))
  assert.ok(has({ dns: { ...settings.dns, search: ['a.b', 'c'] } }, '--dhcp-option-force=119,a.b,c'))
  assert.ok(has({ dns: { ...settings.dns, search: ['a.b'] } }, '--dhcp-option-force=option6:domain-search,a.b'))
  assert.equal(has({ ipv4: { ...ipv4, ranges: [] }, ipv6: undefined }, '--dhcp-authoritative'), false)
})

test('clients name themselves in the mode "dynamic" only', () => {
  const dns = (mode: 'managed' | 'dynamic' | 'none') => ({ dns: { ...settings.dns, mode } })
  assert.equal(has(dns('dynamic'), '--dhcp-ignore-names'), false)
  assert.ok(has(dns('dynamic'), '--domain=lxd'))
  assert.ok(has(dns('none'), '--dhcp-ignore-names'))
  assert.equal(has(dns('none'), '--domain=lxd'), false)
})

test('the lines of the administrator are in no argument', () => {
  assert.deepEqual(
    dnsmasqArguments({ ...settings, raw: 'dhcp-script=/x\n' }, files, account),
    dnsmasqArguments(settings, files, account),
  )
})

test('a NIC is told in one line', () => {
  const hwaddr = '00:16:3e:00:00:01'
  assert.equal(dhcpHostLine({ hwaddr, name: 'c1' }), '00:16:3e:00:00:01,c1\n')
  assert.equal(
    dhcpHostLine({ hwaddr, ipv4: '10.0.0.7', ipv6: 'fd42::7', name: 'c1' }),
    '00:16:3e:00:00:01,10.0.0.7,[fd42::7],c1\n',
  )
  assert.equal(dhcpHostLine({ hwaddr }), undefined)
})

test('a value that dnsmasq could read as more than one is refused', () => {
  for (const name of ['', 'a,ignore', 'a\n00:00:00:00:00:00,evil', 'a b', 'a#b', 'a"b', 'a\\b']) {
    assert.throws(() => dhcpHostLine({ hwaddr: '00:16:3e:00:00:01', name }), /not a plain value/, JSON.stringify(name))
  }
  const dns = { ...settings.dns, domain: 'lxd/#' }
  assert.throws(() => dnsmasqArguments({ ...settings, dns }, files, account), /not a plain value/)
  for (const directory of ['/a\nb', '/a,b', '/a"b', 'relative']) {
    assert.throws(() => dnsmasqArguments(settings, dnsmasqFiles(directory), account), /not a plain path/)
  }
  assert.ok(dnsmasqArguments(settings, dnsmasqFiles('/with space/ä'), account))
})
