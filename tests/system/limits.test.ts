import assert from 'node:assert/strict'
import { existsSync, readFileSync, readdirSync } from 'node:fs'
import { availableParallelism } from 'node:os'
import { after, before, test } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { imageFile } from '../image.ts'
import { ok, RealDaemon, runProgram, stockLxc } from '../real-daemon.ts'
import { enterSandbox } from '../sandbox.ts'

enterSandbox(import.meta)

const daemon = new RealDaemon()
const lxc = (...args: readonly string[]): string => ok(stockLxc(...args))
const inside = (name: string, script: string) => stockLxc('exec', name, '--', 'sh', '-c', script)

before(async () => {
  await daemon.start()
  ok(runProgram(new URL('../../bin/lxd', import.meta.url).pathname, ['init', '--auto']))
  lxc('image', 'import', imageFile('busybox'), '--alias', 'busybox')
})
after(() => daemon.end('SIGTERM'))

/** A file of a container's control groups, in whatever hierarchy it is, or undefined where the kernel has none. */
function cgroupFile(name: string, file: string): string | undefined {
  const tops = ['/sys/fs/cgroup', ...readdirSync('/sys/fs/cgroup').map((top) => `/sys/fs/cgroup/${top}`)]
  const path = tops.map((top) => `${top}/lxc.payload.${name}/${file}`).find((one) => existsSync(one))
  return path === undefined ? undefined : readFileSync(path, 'latin1').trim()
}

/** Of the files named, those that this kernel has hold what is expected, and it has one at least. */
function assertFiles(name: string, expected: Readonly<Record<string, string | RegExp>>): void {
  const found = Object.entries(expected).filter(([file]) => cgroupFile(name, file) !== undefined)
  assert.notEqual(found.length, 0, `none of ${Object.keys(expected).join(', ')} is there`)
  for (const [file, value] of found) {
    if (typeof value === 'string') assert.equal(cgroupFile(name, file), value, file)
    else assert.match(cgroupFile(name, file) ?? '', value, file)
  }
}

interface Case {
  readonly key: string
  readonly value: string
  /** What files of version 1 and 2 hold with the key set. */
  readonly set: Readonly<Record<string, string | RegExp>>
  /** And without it. */
  readonly unset: Readonly<Record<string, string | RegExp>>
}

const unlimited = '9223372036854771712'
const allCpus = /^0/
const cases: readonly Case[] = [
  {
    key: 'limits.memory',
    value: '64MiB',
    set: {
      'memory.limit_in_bytes': '67108864',
      'memory.memsw.limit_in_bytes': '67108864',
      'memory.soft_limit_in_bytes': /^6039\d{4}$/,
      'memory.max': '67108864',
    },
    unset: {
      'memory.limit_in_bytes': unlimited,
      'memory.memsw.limit_in_bytes': unlimited,
      'memory.soft_limit_in_bytes': unlimited,
      'memory.max': 'max',
    },
  },
  {
    key: 'limits.memory.swap',
    value: 'false',
    set: { 'memory.swappiness': '0', 'memory.swap.max': '0' },
    unset: { 'memory.swappiness': '60', 'memory.swap.max': 'max' },
  },
  {
    key: 'limits.processes',
    value: '50',
    set: { 'pids.max': '50' },
    unset: { 'pids.max': 'max' },
  },
  {
    key: 'limits.cpu',
    value: '0-0',
    set: { 'cpuset.cpus': '0' },
    unset: { 'cpuset.cpus': allCpus },
  },
  {
    key: 'limits.cpu.allowance',
    value: '20ms/100ms',
    set: { 'cpu.cfs_quota_us': '20000', 'cpu.cfs_period_us': '100000', 'cpu.max': '20000 100000' },
    unset: { 'cpu.cfs_quota_us': '-1', 'cpu.max': 'max 100000' },
  },
  {
    key: 'limits.cpu.allowance',
    value: '50%',
    set: { 'cpu.shares': '512', 'cpu.weight': '50' },
    unset: { 'cpu.shares': '1024', 'cpu.weight': '100' },
  },
  {
    key: 'limits.cpu.priority',
    value: '3',
    set: { 'cpu.shares': '1017', 'cpu.weight': '93' },
    unset: { 'cpu.shares': '1024', 'cpu.weight': '100' },
  },
]

test('limits hold from the start on', () => {
  lxc('init', 'busybox', 'c1')
  const chosen = cases.filter(({ key, value }) => key !== 'limits.cpu.priority' && value !== '50%')
  for (const { key, value } of chosen) lxc('config', 'set', 'c1', key, value)
  lxc('config', 'set', 'c1', 'limits.kernel.nofile=300:400', 'linux.sysctl.net.ipv4.ip_forward=1')
  lxc('start', 'c1')
  for (const { set } of chosen) assertFiles('c1', set)

  assert.equal(ok(inside('c1', 'ulimit -S -n; ulimit -H -n; cat /proc/sys/net/ipv4/ip_forward')), '300\n400\n1\n')
  assert.match(ok(inside('c1', 'grep Cpus_allowed_list /proc/self/status')), /:\s*0\n/)
})

test('limits bite', async (t) => {
  await t.test('memory: what asks for more is killed', () => {
    assert.equal(inside('c1', 'dd if=/dev/zero of=/dev/null bs=16M count=1').code, 0)
    assert.notEqual(inside('c1', 'dd if=/dev/zero of=/dev/null bs=100M count=1').code, 0)
    assert.match(lxc('list', '--format=csv', '-c', 'ns'), /^c1,RUNNING$/m)
  })
  await t.test('processes: no more can be started', () => {
    const script = 'i=0; while [ $i -lt 60 ]; do sleep 1 >/dev/null 2>&1 & i=$((i + 1)); done; wait'
    assert.match(inside('c1', script).stderr, /can't fork|Resource temporarily unavailable/)
  })
  await t.test('processor time: a busy process gets a fifth of a CPU', async () => {
    // Until those of before have ended there may be no more.
    await sleep(1200)
    const began = performance.now()
    const used = usedTime('c1')
    ok(inside('c1', 'timeout 2 sh -c "while :; do :; done" || true'))
    const share = (usedTime('c1') - used) / 1e6 / (performance.now() - began)
    assert.ok(share > 0.02 && share < 0.3, `share ${share}`)
  })
})

/** Nanoseconds, as the API tells it. */
function usedTime(name: string): number {
  const state = JSON.parse(lxc('query', `/1.0/instances/${name}/state`)) as { cpu: { usage: number } }
  return state.cpu.usage
}

test('limits are set and taken away while the instance runs', () => {
  lxc('launch', 'busybox', 'c2')
  for (const { key, value, set, unset } of cases) {
    assertFiles('c2', unset)
    lxc('config', 'set', 'c2', key, value)
    assertFiles('c2', set)
    lxc('config', 'unset', 'c2', key)
    assertFiles('c2', unset)
  }
  lxc('config', 'set', 'c2', 'limits.memory=64MiB')
  lxc('config', 'set', 'c2', 'limits.memory=128MiB')
  assertFiles('c2', { 'memory.limit_in_bytes': '134217728', 'memory.max': '134217728' })
  lxc('config', 'set', 'c2', 'limits.memory=32MiB')
  assertFiles('c2', { 'memory.limit_in_bytes': '33554432', 'memory.max': '33554432' })
  lxc('config', 'set', 'c2', 'limits.memory.enforce=soft')
  assertFiles('c2', {
    'memory.limit_in_bytes': unlimited,
    'memory.soft_limit_in_bytes': '33554432',
    'memory.max': 'max',
  })
})

const hugePages = readFileSync('/proc/self/cgroup', 'latin1').includes('hugetlb') || hugetlbOfVersion2()
const skipHugePages = hugePages && existsSync('/sys/kernel/mm/hugepages/hugepages-2048kB') ? false : 'no huge pages'

function hugetlbOfVersion2(): boolean {
  const files = ['/sys/fs/cgroup/cgroup.controllers', '/sys/fs/cgroup/unified/cgroup.controllers']
  return files.some((file) => existsSync(file) && readFileSync(file, 'latin1').includes('hugetlb'))
}

test('huge pages are limited at start and live', { skip: skipHugePages }, () => {
  lxc('launch', 'busybox', 'huge', '-c', 'limits.hugepages.2MB=64MiB')
  assertFiles('huge', { 'hugetlb.2MB.max': '67108864', 'hugetlb.2MB.limit_in_bytes': '67108864' })
  lxc('config', 'set', 'huge', 'limits.hugepages.2MB=8MiB')
  assertFiles('huge', { 'hugetlb.2MB.max': '8388608', 'hugetlb.2MB.limit_in_bytes': '8388608' })
  lxc('config', 'unset', 'huge', 'limits.hugepages.2MB')
  assertFiles('huge', { 'hugetlb.2MB.max': 'max', 'hugetlb.2MB.limit_in_bytes': /^922337203\d+$/ })
  lxc('delete', '-f', 'huge')
})

test('limits of a profile reach those that use it', () => {
  lxc('profile', 'set', 'default', 'limits.processes', '77')
  assertFiles('c2', { 'pids.max': '77' })
  assertFiles('c1', { 'pids.max': '50' })
  lxc('profile', 'unset', 'default', 'limits.processes')
  assertFiles('c2', { 'pids.max': 'max' })
})

test('a refused value changes nothing', () => {
  lxc('config', 'set', 'c2', 'limits.processes', '60')
  const before = lxc('config', 'show', 'c2')
  const refused: readonly (readonly [string, RegExp])[] = [
    ['limits.memory=much', /"limits.memory"/],
    ['limits.memory=0', /"limits.memory"/],
    ['limits.processes=-1', /"limits.processes"/],
    ['limits.cpu=4000-4001', /"limits.cpu": none of CPU/],
    ['limits.cpu.allowance=1s', /"limits.cpu.allowance"/],
    ['limits.cpu.priority=11', /"limits.cpu.priority"/],
    ['limits.kernel.nofiles=5', /nearest known key is "limits.kernel.nofile"/],
    ['limits.kernel.nofile=5:4', /soft limit is above/],
    ['limits.hugepages.1MB=1MB', /"limits.hugepages.1MB"/],
    ['linux.sysctl.../a=1', /expected the name of a kernel setting/],
  ]
  for (const [setting, message] of refused) {
    // Another key in the same request, which alone would be fine, is not taken either.
    const { code, stderr } = stockLxc('config', 'set', 'c2', 'limits.processes=61', setting)
    assert.notEqual(code, 0, setting)
    assert.match(stderr, message, setting)
    assert.equal(lxc('config', 'show', 'c2'), before, setting)
    assertFiles('c2', { 'pids.max': '60' })
    assertFiles('c2', { 'cpuset.cpus': allCpus })
  }
})

const version1 = existsSync('/sys/fs/cgroup/memory/memory.limit_in_bytes')
const skipRefusal = version1 ? false : 'version 2 kills rather than refuse'

test('what the kernel refuses is taken back', { skip: skipRefusal }, () => {
  lxc('config', 'unset', 'c2', 'limits.memory.enforce')
  const before = lxc('config', 'show', 'c2')
  const { code, stderr } = stockLxc('config', 'set', 'c2', 'limits.memory=40KiB', 'limits.processes=61')
  assert.equal(code, 1)
  assert.match(stderr, /Cannot set "memory.limit_in_bytes"/)
  assert.equal(lxc('config', 'show', 'c2'), before)
  assertFiles('c2', { 'pids.max': '60' })
  assertFiles('c2', { 'memory.limit_in_bytes': '33554432', 'memory.memsw.limit_in_bytes': '33554432' })
})

test('a start that a limit makes impossible leaves the instance stopped', () => {
  lxc('init', 'busybox', 'c3')
  lxc('config', 'set', 'c3', 'limits.cpu=4000-4001')
  const { code, stderr } = stockLxc('start', 'c3')
  assert.equal(code, 1)
  assert.match(stderr, /none of CPU/)
  assert.match(lxc('list', '--format=csv', '-c', 'ns'), /^c3,STOPPED$/m)
  lxc('config', 'unset', 'c3', 'limits.cpu')
  lxc('start', 'c3')
})

test('a daemon that was killed finds the groups of those that run again', async () => {
  await daemon.end('SIGKILL')
  await daemon.start()
  lxc('config', 'set', 'c3', 'limits.processes=88')
  assertFiles('c3', { 'pids.max': '88' })
})

test('instances with a number of CPUs are spread over them', { skip: availableParallelism() < 2 }, () => {
  lxc('delete', '-f', 'c1', 'c2', 'c3')
  const names = ['p1', 'p2', 'p3', 'p4']
  for (const name of names) lxc('init', 'busybox', name, '-c', 'limits.cpu=1')
  // All at the same time.
  lxc('start', ...names)
  const used = names.map((name) => cgroupFile(name, 'cpuset.cpus'))
  assert.ok(new Set(used).size >= 2, `all on ${used.join(' ')}`)
  const counts = Object.values(Object.groupBy(used, (cpu) => cpu ?? '')).map((group) => group?.length ?? 0)
  assert.ok(Math.max(...counts) - Math.min(...counts) <= 1, `uneven: ${used.join(' ')}`)
})
