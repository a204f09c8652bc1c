import assert from 'node:assert/strict'
import { test } from 'node:test'
import { hostLinks, ipBatch } from './links.ts'
import type { LinkChange } from './links.ts'
import type { Run } from './run.ts'

test('changes become one line each for ip -batch', () => {
  const changes: LinkChange[] = [
    { do: 'add-bridge', name: 'br0' },
    { do: 'set', name: 'br0', to: { hwaddr: '00:16:3e:00:00:01', mtu: 1400, up: true } },
    { do: 'add-address', name: 'br0', address: 'fd42::1/64' },
    { do: 'delete-address', name: 'br0', address: '10.0.0.1/24' },
    { do: 'add-veth', name: 'v1', mtu: 1400, peer: { name: 'eth0', hwaddr: '00:16:3e:00:00:02', pid: 12 } },
    { do: 'set', name: 'v1', to: { master: 'br0', isolated: true, up: true } },
    { do: 'set', name: 'v1', to: { master: '' } },
    { do: 'add-veth', name: 'v2', peer: { name: 'p2' } },
    { do: 'add-route', name: 'br0', destination: '10.1.0.0/16', protocol: 'static' },
    { do: 'delete-route', name: 'br0', destination: 'fd00::/8', protocol: 'boot' },
    { do: 'delete', name: 'v1' },
  ]
  assert.deepEqual(ipBatch(changes).split('\n'), [
    'link add name br0 type bridge',
    'link set dev br0 address 00:16:3e:00:00:01 mtu 1400',
    'link set dev br0 up',
    'address replace fd42::1/64 dev br0',
    'address delete 10.0.0.1/24 dev br0',
    'link add name v1 mtu 1400 type veth peer name eth0 address 00:16:3e:00:00:02 mtu 1400 netns 12',
    'link set dev v1 master br0',
    'link set dev v1 type bridge_slave isolated on',
    'link set dev v1 up',
    'link set dev v1 nomaster',
    'link add name v2 type veth peer name p2',
    'route replace 10.1.0.0/16 dev br0 proto static',
    'route delete fd00::/8 dev br0 proto boot',
    'link delete dev v1',
    '',
  ])
})

test('a value that would be more than one word is refused', () => {
  for (const name of ['a b', 'a\nlink delete lo', '', 'a;b', "a'b", '#a']) {
    assert.throws(() => ipBatch([{ do: 'delete', name }]), /not a plain word/, JSON.stringify(name))
  }
})

test('no change runs no program', async () => {
  const run: Run = () => assert.fail('a program was run')
  await hostLinks(run).change([])
})

test('what ip prints is read as links and routes', async () => {
  const printed = {
    address: [
      {},
      {
        ifname: 'br0',
        flags: ['BROADCAST', 'UP'],
        mtu: 1400,
        address: '00:16:3e:00:00:01',
        linkinfo: { info_kind: 'bridge', info_data: { stp_state: 0 } },
        addr_info: [{ family: 'inet6', local: 'fd42::1', prefixlen: 64, scope: 'global' }, {}],
        stats64: { rx: { bytes: 1, packets: 2 }, tx: { bytes: 3, packets: 4 } },
      },
      { ifname: 'eth0', parentdev: 'virtio0', master: 'br0' },
    ],
    route: [{ dst: 'default', gateway: '10.0.0.1', dev: 'eth0', protocol: 'dhcp' }],
  }
  const run: Run = async (_program, args) => {
    const stdout = JSON.stringify(args.includes('address') ? printed.address : printed.route)
    return { code: 0, stdout, stderr: '' }
  }
  const [bridge, port] = await hostLinks(run).readAll()

  assert.deepEqual(bridge, {
    name: 'br0',
    kind: 'bridge',
    hardware: false,
    flags: ['BROADCAST', 'UP'],
    hwaddr: '00:16:3e:00:00:01',
    mtu: 1400,
    master: undefined,
    lower: undefined,
    addresses: [{ family: 6, address: 'fd42::1', prefix: 64, scope: 'global' }],
    counters: { bytesReceived: 1, bytesSent: 3, packetsReceived: 2, packetsSent: 4 },
    details: { stp_state: 0 },
  })
  assert.equal(port?.hardware, true)
  assert.equal(port?.master, 'br0')
  assert.deepEqual(await hostLinks(run).readRoutes(), [{ destination: 'default', link: 'eth0', protocol: 'dhcp' }])
})
