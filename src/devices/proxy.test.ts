import assert from 'node:assert/strict'
import { mkdtempSync } from 'node:fs'
import { rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, test } from 'node:test'
import { explain } from '#base/failure.ts'
import type { IdMap } from '#base/idmap.ts'
import { Undo } from '#base/undo.ts'
import { FakeBackgroundPrograms } from '#host/fake-background-process.ts'
import { FakeNft } from '#host/nft.ts'
import { checkDevices } from './check.ts'
import type { DeviceConfig, DeviceContext } from './device.ts'
import { parseProxyAddress } from './proxy-address.ts'
import { pairPorts, proxyHeader, targetOf } from '#guest/proxy-request.ts'
import type { ProxyRequest } from '#guest/proxy-request.ts'
import { proxy, sweepProxies } from './proxy.ts'

const directory = mkdtempSync(join(tmpdir(), 'proxies-'))
after(() => rm(directory, { recursive: true }))

const map: IdMap = [{ kind: 'both', inside: 0, host: 100_000, count: 65_536 }]
const web = { type: 'proxy', listen: 'tcp:0.0.0.0:80', connect: 'tcp:127.0.0.1:8080' }
const nic = { type: 'nic', network: 'br0', 'ipv4.address': '10.0.0.5' }

function makeProxy() {
  const programs = new FakeBackgroundPrograms()
  const nft = new FakeNft()
  return { kind: proxy({ programs, nft, devicesDirectory: directory }), programs, nft }
}

function context(config: DeviceConfig, more: Partial<DeviceContext> = {}): DeviceContext {
  const owner = {
    project: 'default',
    name: 'c1',
    runtimeName: 'c1',
    privileged: false,
    devices: { p: config, eth0: nic },
  }
  return { owner, device: 'p', config, volatile: {}, idmap: map, pid: process.pid, ...more }
}

const undo = () => new Undo((what, error) => assert.fail(`${what}: ${explain(error)}`))

test('addresses are read, and what is none is refused', () => {
  assert.deepEqual(parseProxyAddress('tcp:10.0.0.1:80,90-92'), {
    protocol: 'tcp',
    family: 4,
    address: '10.0.0.1',
    ports: [80, 90, 91, 92],
  })
  assert.deepEqual(parseProxyAddress('udp:[fd42::1]:53'), {
    protocol: 'udp',
    family: 6,
    address: 'fd42::1',
    ports: [53],
  })
  assert.deepEqual(parseProxyAddress('unix:/run/a b.sock'), { protocol: 'unix', path: '/run/a b.sock' })
  assert.deepEqual(parseProxyAddress('unix:@name'), { protocol: 'unix', path: '@name' })
  for (const text of [
    'tcp:80',
    'tcp:10.0.0.1',
    'tcp:10.0.0.1:',
    'tcp:10.0.0.1:0',
    'tcp:10.0.0.1:65536',
    'tcp:10.0.0.1:90-80',
    'tcp:10.0.0.1:80,80',
    'tcp:10.0.0.1:1-65535',
    'tcp:fd42::1:80',
    'tcp:[10.0.0.1]:80',
    'tcp:[fe80::1%eth0]:80',
    'tcp:example.com:80',
    'sctp:10.0.0.1:80',
    'unix:run/a.sock',
    'unix:/run/../etc/a.sock',
    'unix:',
    'unix:@',
    'unix:/a\nb',
    `unix:/${'a'.repeat(107)}`,
    '10.0.0.1:80',
  ]) {
    assert.throws(() => parseProxyAddress(text), /Invalid address/, text)
  }
})

test('ports lead to the one there is, or to that at the same place', () => {
  const pairs = (listen: string, connect: string) => pairPorts(parseProxyAddress(listen), parseProxyAddress(connect))
  assert.deepEqual(pairs('tcp:1.1.1.1:80-82', 'tcp:2.2.2.2:90'), [
    [80, 90],
    [81, 90],
    [82, 90],
  ])
  assert.deepEqual(pairs('tcp:1.1.1.1:80,85', 'tcp:2.2.2.2:90-91'), [
    [80, 90],
    [85, 91],
  ])
  const connect = (address: string, ports: ProxyRequest['connect']['ports']) =>
    ({ side: 'host', address: parseProxyAddress(address), ports }) as const
  assert.deepEqual(targetOf(connect('tcp:2.2.2.2:90-91', [[85, 91]]), 85), { host: '2.2.2.2', port: 91 })
  assert.deepEqual(targetOf(connect('unix:@x', []), 85), { path: '\0x' })
})

test('the PROXY line names the client as version 1 of the protocol has it', () => {
  const ends = { remotePort: 1234, localPort: 80 }
  assert.equal(
    proxyHeader({ ...ends, remoteAddress: '::ffff:192.0.2.1', localAddress: '::ffff:192.0.2.2' }),
    'PROXY TCP4 192.0.2.1 192.0.2.2 1234 80\r\n',
  )
  assert.equal(
    proxyHeader({ ...ends, remoteAddress: 'fd42::1', localAddress: 'fd42::2' }),
    'PROXY TCP6 fd42::1 fd42::2 1234 80\r\n',
  )
  assert.equal(proxyHeader({}), 'PROXY UNKNOWN\r\n')
})

test('what can not be a proxy is refused', () => {
  const { kind } = makeProxy()
  const check = (config: DeviceConfig) => {
    const devices = { p: { type: 'proxy', ...config } }
    const owner = {
      project: 'default',
      name: 'c1',
      runtimeName: 'c1',
      privileged: false,
      devices: { ...devices, eth0: nic },
    }
    checkDevices(() => kind, devices, { owner, inProfile: false })
  }
  const { listen, connect } = web
  const nat = { listen, connect: 'tcp:10.0.0.5:80', nat: 'true' }
  for (const [config, message] of [
    [{ listen }, /missing the required "connect"/],
    [{ connect }, /missing the required "listen"/],
    [{ listen, connect: 'tcp:127.0.0.1:80-81' }, /Mismatch between listen port\(s\) and connect port\(s\) count/],
    [{ listen, connect: 'tcp:0.0.0.0:80' }, /"connect": Expected one address/],
    [{ listen, connect: 'udp:127.0.0.1:80' }, /Only UDP can be carried to UDP/],
    [{ listen, connect: 'unix:/x', proxy_protocol: 'true' }, /only be sent to tcp servers/],
    [{ ...nat, proxy_protocol: 'true' }, /only be sent to tcp servers/],
    [{ listen, connect, mode: '0600' }, /Only proxy devices for non-abstract unix sockets/],
    [{ listen: 'unix:@x', connect, uid: '1' }, /Only proxy devices for non-abstract unix sockets/],
    [{ listen, connect, bind: 'both' }, /expected host or instance/],
    [{ ...nat, bind: 'instance' }, /Only host-bound proxies can use NAT/],
    [{ ...nat, listen: 'unix:/x' }, /Proxying in NAT mode needs/],
    [{ ...nat, listen: 'tcp:[::]:80' }, /addresses of one family/],
    [{ ...nat, connect: 'tcp:10.0.0.6:80' }, /instance NICs static IPs/],
    [{ listen, connect, 'security.uid': '-1' }, /expected a whole number/],
  ] as const) {
    assert.throws(
      () => check(config),
      (error) => message.test(explain(error)),
      JSON.stringify(config),
    )
  }
  check(web)
  check({ listen, connect, bind: 'container' })
  check(nat)
  check({ ...nat, connect: 'tcp:0.0.0.0:80' })
  check({ listen: 'unix:/x', connect, uid: '1', mode: '0600' })
})

test('a process is asked with ids of the host, once the instance runs, and ends with the device', async () => {
  const { kind, programs } = makeProxy()
  assert.deepEqual(await kind.start(context(web, { pid: undefined }), undo()), { lxc: [], volatile: {} })
  assert.equal(programs.running.size, 0)
  await kind.started?.(context(web), undo())
  const mark = join(directory, 'c1/proxy.p')
  const { request, capabilities } = programs.running.get(mark) ?? assert.fail('It does not run')
  const { listen, connect, user } = request as ProxyRequest
  assert.deepEqual([listen.side, connect.side], ['host', 'instance'])
  assert.deepEqual(user, { uid: 65_534, gid: 65_534 })
  assert.ok(!capabilities.includes('dac_override'))
  await kind.stop(context(web))
  await kind.stop(context(web))
  assert.equal(programs.running.size, 0)

  const asked = async (config: DeviceConfig) => {
    await kind.start(context({ type: 'proxy', ...config }), undo())
    return programs.running.get(mark)?.request as ProxyRequest
  }
  const socket = { listen: 'unix:/x', connect: 'unix:/y', uid: '5', gid: '6' }
  const there = await asked({ ...socket, bind: 'instance' })
  assert.deepEqual(there.listen.owner, { uid: 100_005, gid: 100_006 })
  assert.deepEqual(there.listen.root, { uid: 100_000, gid: 100_000 })
  assert.deepEqual(there.user, { uid: 0, gid: 0 })
  const asUser = await asked({ ...web, 'security.uid': '7', 'security.gid': '8' })
  assert.deepEqual(asUser.user, { uid: 100_007, gid: 100_008 })
  await assert.rejects(asked({ ...web, 'security.uid': '70000' }), (error) => explain(error).includes('"security.uid"'))
  await assert.rejects(asked({ ...socket, bind: 'instance', uid: '70000' }), (error) =>
    explain(error).includes('"uid"'),
  )
})

test('in NAT mode the packet filter is told, before the instance starts, and only of what is for the host', async () => {
  const { kind, programs, nft } = makeProxy()
  const config = { ...web, connect: 'tcp:10.0.0.5:8080', nat: 'true' }
  await kind.start(context(config, { pid: undefined }), undo())
  await kind.started?.(context(config), undo())
  assert.equal(programs.running.size, 0)
  const rules = nft.applied
    .join('')
    .split('\n')
    .filter((line) => line.startsWith('add rule'))
  assert.deepEqual(
    rules.map((line) => line.replace(/^add rule inet lxd (\w+)\.proxy-[0-9a-f]{24} /, '$1 ')),
    [
      'prert meta nfproto ipv4 fib daddr type local tcp dport 80 dnat ip to 10.0.0.5:8080',
      'out meta nfproto ipv4 fib daddr type local tcp dport 80 dnat ip to 10.0.0.5:8080',
      'pstrt ip saddr 10.0.0.5/32 ip daddr 10.0.0.5/32 tcp dport 8080 masquerade',
    ],
  )
  nft.chains = rules.map((line) => line.split(' ')[4] ?? '')
  nft.applied.length = 0
  await kind.stop(context(config))
  assert.match(nft.applied[0] ?? '', /delete chain inet lxd prert\.proxy-/)
  assert.doesNotMatch(nft.applied.join(''), /add rule/)
})

test('what a crash left of proxies that are no more goes, and nothing else does', async () => {
  const { kind, programs, nft } = makeProxy()
  const running = context(web)
  await kind.started?.(running, undo())
  await kind.started?.({ ...running, device: 'gone' }, undo())
  await sweepProxies({ programs, nft, devicesDirectory: directory }, [running.owner])
  assert.deepEqual([...programs.running.keys()], [join(directory, 'c1/proxy.p')])

  nft.chains = ['fwd.br0', `prert.proxy-${'a'.repeat(24)}`]
  await sweepProxies({ programs, nft, devicesDirectory: directory }, [])
  assert.equal(programs.running.size, 0)
  assert.match(nft.applied.join(''), /delete chain inet lxd prert\.proxy-a/)
  assert.doesNotMatch(nft.applied.join(''), /br0/)

  nft.readChains = () => Promise.reject(new Error('nft: not found'))
  await sweepProxies({ programs, nft, devicesDirectory: directory }, [])
})
