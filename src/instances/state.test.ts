import assert from 'node:assert/strict'
import { test } from 'node:test'
import { silentLog } from '#base/log.ts'
import type { NamespaceLink, NamespaceLinks } from '#host/namespace-links.ts'
import { FakeRuntime } from '#lxc/fake-runtime.ts'
import type { Expanded } from './commit.ts'
import { readState, viewLink } from './state.ts'

const counters = {
  packetsReceived: 1,
  packetsSent: 2,
  bytesReceived: 3,
  bytesSent: 4,
  errorsReceived: 5,
  errorsSent: 6,
  droppedReceived: 7,
  droppedSent: 8,
}

function link(name: string, rest: Partial<NamespaceLink> = {}): NamespaceLink {
  return { name, flags: ['UP', 'BROADCAST'], hwaddr: '00:16:3e:01:02:03', mtu: 1500, addresses: [], counters, ...rest }
}

const expanded = {
  record: {
    project: 'default',
    name: 'c1',
    pool: 'default',
    config: { 'volatile.eth0.host_name': 'veth1', 'volatile.own.name': 'eth5', 'volatile.own.host_name': 'veth5' },
  },
  config: {},
  devices: {
    root: { type: 'disk', path: '/', pool: 'default' },
    eth0: { type: 'nic', network: 'lxdbr0' },
    own: { type: 'nic', network: 'lxdbr0' },
  },
} as unknown as Expanded

const sources = (runtime: FakeRuntime, links: NamespaceLinks['read'], usage: () => Promise<number | undefined>) => ({
  runtime,
  log: silentLog,
  volumes: { instanceUsage: usage },
  namespaceLinks: { read: links, close: () => {} },
})

const idle = {
  disk: {},
  memory: { usage: 0, usage_peak: 0, swap_usage: 0, swap_usage_peak: 0 },
  network: null,
  pid: 0,
  processes: 0,
  cpu: { usage: 0 },
}

test('a stopped instance has no network and uses nothing', async () => {
  const unasked = () => Promise.reject(new Error('asked'))
  const state = await readState(
    expanded,
    sources(new FakeRuntime(), unasked, async () => undefined),
  )
  assert.deepEqual(state, { status: 'Stopped', status_code: 102, ...idle })
})

test('interfaces are told by name, with the names of their ends on the host', async () => {
  const runtime = new FakeRuntime()
  const pid = await runtime.start({ name: 'c1', config: [] })
  const read = (of: number) =>
    Promise.resolve(of === pid ? [link('lo'), link('eth5'), link('__proto__'), link('eth0')] : undefined)
  const state = await readState(
    expanded,
    sources(runtime, read, async () => 4096),
  )
  assert.equal(state.pid, pid)
  assert.equal(state.processes, -1)
  assert.deepEqual(state.disk, { root: { usage: 4096 } })
  const names = Object.entries(state.network ?? {}).map(([name, { host_name: host }]) => `${name} ${host}`)
  assert.deepEqual(names, ['__proto__ ', 'eth0 veth1', 'eth5 veth5', 'lo '])
})

test('what can not be read is left out', async () => {
  const runtime = new FakeRuntime()
  await runtime.start({ name: 'c1', config: [] })
  const fails = () => Promise.reject(new Error('no such pool'))
  const { network, disk, status } = await readState(expanded, sources(runtime, fails, fails))
  assert.deepEqual({ network, disk, status }, { network: null, disk: {}, status: 'Running' })
})

test('an interface is shown as LXD shows it', () => {
  const addresses = [
    { family: 4, address: '10.1.2.3', prefix: 24, scope: 'global' },
    { family: 4, address: '169.254.3.3', prefix: 16, scope: 'global' },
    { family: 6, address: 'fe80::1', prefix: 64, scope: 'link' },
    { family: 6, address: '::1', prefix: 128, scope: 'host' },
  ] as const
  assert.deepEqual(viewLink(link('eth0', { addresses }), 'veth1'), {
    addresses: [
      { family: 'inet', address: '10.1.2.3', netmask: '24', scope: 'global' },
      { family: 'inet', address: '169.254.3.3', netmask: '16', scope: 'link' },
      { family: 'inet6', address: 'fe80::1', netmask: '64', scope: 'link' },
      { family: 'inet6', address: '::1', netmask: '128', scope: 'local' },
    ],
    counters: {
      bytes_received: 3,
      bytes_sent: 4,
      packets_received: 1,
      packets_sent: 2,
      errors_received: 5,
      errors_sent: 6,
      packets_dropped_outbound: 8,
      packets_dropped_inbound: 7,
    },
    hwaddr: '00:16:3e:01:02:03',
    host_name: 'veth1',
    mtu: 1500,
    state: 'up',
    type: 'broadcast',
  })
  const loopback = viewLink(link('lo', { flags: ['LOOPBACK'], hwaddr: '00:00:00:00:00:00' }), '')
  assert.deepEqual([loopback.hwaddr, loopback.state, loopback.type], ['', 'down', 'loopback'])
})
