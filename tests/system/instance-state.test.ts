import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { readFileSync, readdirSync } from 'node:fs'
import { after, before, test } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import type { InstanceState } from '#schema/instance.ts'
import { imageFile } from '../image.ts'
import { ok, RealDaemon, runProgram, stockLxc } from '../real-daemon.ts'
import { enterSandbox } from '../sandbox.ts'

enterSandbox(import.meta)

const daemon = new RealDaemon()
const lxc = (...args: readonly string[]): string => ok(stockLxc(...args))
const inside = (script: string) => ok(stockLxc('exec', 'c1', '--', 'sh', '-c', script))
const state = (name: string) => JSON.parse(lxc('query', `/1.0/instances/${name}/state`)) as InstanceState
const host = (...args: readonly string[]) => spawnSync('ip', args, { encoding: 'utf8' }).stdout

before(async () => {
  await daemon.start()
  ok(runProgram(new URL('../../bin/lxd', import.meta.url).pathname, ['init', '--auto']))
  lxc('image', 'import', imageFile('busybox'), '--alias', 'busybox')
})
after(() => daemon.end('SIGTERM'))

test('a stopped instance uses nothing', () => {
  lxc('init', 'busybox', 'c1')
  assert.deepEqual(state('c1'), {
    status: 'Stopped',
    status_code: 102,
    disk: {},
    memory: { usage: 0, usage_peak: 0, swap_usage: 0, swap_usage_peak: 0 },
    network: null,
    pid: 0,
    processes: 0,
    cpu: { usage: 0 },
  })
})

test('a running one tells what it uses', () => {
  lxc('start', 'c1')
  lxc('launch', 'busybox', 'c2')
  inside('(i=0; while [ $i -lt 20000 ]; do i=$((i + 1)); done)')
  const { status, pid, processes, cpu, memory } = state('c1')
  assert.equal(status, 'Running')
  assert.match(readFileSync(`/proc/${pid}/cmdline`, 'latin1'), /init/)
  assert.ok(processes >= 1 && processes < 30, `${processes} processes`)
  assert.ok(cpu.usage > 1e6 && cpu.usage < 60e9, `${cpu.usage} ns`)
  assert.ok(memory.usage > 50_000 && memory.usage < 2 ** 30, `${memory.usage} bytes`)
  const hasPeak = memory.usage_peak > 0
  assert.ok(!hasPeak || memory.usage_peak >= memory.usage)
})

test('its interfaces are what they are inside', async () => {
  for (let tries = 0; !state('c1').network?.['eth0']?.addresses.some(({ family }) => family === 'inet'); tries++) {
    assert.ok(tries < 100, 'no address')
    await sleep(100)
  }
  inside('ip link add br9 type bridge; ip link set br9 address 02:00:00:00:00:09 mtu 1400')
  inside('ip addr add 169.254.3.3/16 dev br9; ip addr add 10.9.9.9 peer 10.9.9.10/32 dev br9; ip link set br9 up')
  inside('ip addr add fd42::9/64 dev br9; ping -c 1 -W 1 127.0.0.1')
  const network = state('c1').network ?? {}

  const lo = network['lo']
  assert.deepEqual([lo?.type, lo?.hwaddr, lo?.state, lo?.host_name], ['loopback', '', 'up', ''])
  assert.deepEqual(lo?.addresses[0], { family: 'inet', address: '127.0.0.1', netmask: '8', scope: 'local' })
  assert.ok((lo?.counters.packets_sent ?? 0) >= 2)

  const br9 = network['br9']
  assert.deepEqual([br9?.type, br9?.hwaddr, br9?.state, br9?.mtu], ['broadcast', '02:00:00:00:00:09', 'up', 1400])
  const addresses = br9?.addresses.map(({ address, netmask, scope }) => `${address}/${netmask} ${scope}`)
  for (const one of ['169.254.3.3/16 link', '10.9.9.9/32 global', 'fd42::9/64 global']) {
    assert.ok(addresses?.includes(one), `${one} in ${addresses?.join(', ')}`)
  }

  const eth0 = network['eth0']
  assert.equal(eth0?.hwaddr, inside('cat /sys/class/net/eth0/address').trim())
  assert.match(host('link', 'show', eth0.host_name), /master lxdbr0/)
  // What the host has sent down the pair, the inside has received.
  assert.ok(eth0.counters.bytes_received > 0 && eth0.counters.bytes_sent > 0)
})

test('a name that a guest gives an interface stays a name', () => {
  inside(String.raw`ip link add "$(printf 'x\033[2Jy')" type bridge; ip link add __proto__ type bridge`)
  const names = Object.keys(state('c1').network ?? {})
  assert.ok(names.includes('x?[2Jy') && names.includes('__proto__'), names.join(' '))
})

test('of a guest with very many interfaces some are shown, and others are not affected', () => {
  inside('i=0; while [ $i -lt 300 ]; do ip link add a$i type veth peer name b$i; i=$((i + 1)); done')
  assert.equal(inside('ls /sys/class/net | wc -l').trim(), '605')
  // More often than there are sockets to ask through.
  for (let round = 0; round < 5; round++) {
    assert.equal(Object.keys(state('c1').network ?? {}).length, 512)
    assert.deepEqual(Object.keys(state('c2').network ?? {}), ['eth0', 'lo'])
  }
})

test('looking leaves nothing behind', async () => {
  const open = () => readdirSync(`/proc/${daemon.pid}/fd`).length
  state('c1')
  const before = open()
  const looks = Array.from({ length: 40 }, () => state('c1'))
  assert.equal(looks.length, 40)
  assert.ok(open() <= before + 2, `${before} descriptors before, ${open()} after`)

  const ids = () => host('netns', 'list-id').match(/nsid \d+/g)?.length ?? 0
  const withInstance = ids()
  lxc('stop', '-f', 'c1', 'c2')
  assert.equal(state('c1').network, null)
  // The kernel takes namespaces apart in the background. Our own may keep the id the kernel gave it.
  for (let tries = 0; ids() >= withInstance || ids() > 1; tries++) {
    assert.ok(tries < 100, host('netns', 'list-id'))
    await sleep(50)
  }
})
