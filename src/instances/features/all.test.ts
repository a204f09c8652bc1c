import assert from 'node:assert/strict'
import { readdirSync } from 'node:fs'
import { test } from 'node:test'
import { checkConfig } from '#config/config.ts'
import type { Config } from '#config/config.ts'
import { formatLxcConfig } from '#lxc/lxc-config.ts'
import type { FeatureContext, HostFacts } from '../feature.ts'
import { cgroupSettings, changedCgroupSettings, checkFeatures, features, instanceKeys, lxcItems } from './all.ts'
import { chooseCpus } from './cpu.ts'
import { seccompProfile } from './syscalls.ts'

const controllers = ['memory', 'cpu', 'cpuset', 'devices', 'pids', 'hugetlb']

function host(version: 1 | 2): HostFacts {
  return {
    cgroups: new Map(controllers.map((name) => [name, version])),
    swapAccounting: true,
    memory: 2 ** 30,
    cpus: [0, 1, 2, 3],
    hugePages: ['2MB'],
    lxcfs: undefined,
    apparmor: false,
    machine: 'x86_64',
  }
}

function context(config: Config, version: 1 | 2 = 2): FeatureContext {
  const idmap = [{ kind: 'both', inside: 0, host: 100_000, count: 65_536 }] as const
  return { name: 'c1', architecture: 'x86_64', config, idmap, host: host(version), pins: new Map() }
}

/** The settings that a start writes. */
const set = (config: Config, version: 1 | 2) =>
  cgroupSettings(context(config, version))
    .filter(({ fresh }) => !fresh)
    .map(({ item, value }) => `${item}=${value}`)

test('every file of features is in the list of all', () => {
  const files = readdirSync(import.meta.dirname).filter((name) => name !== 'all.ts' && !name.endsWith('.test.ts'))
  assert.equal(features.length, files.length)
})

test('every key says what it lets its writer do, and its documentation starts with a sentence', () => {
  for (const [name, key] of Object.entries(instanceKeys)) {
    assert.ok(key.risk, name)
    assert.match(key.doc.split('\n')[0] ?? '', /\.$/, name)
  }
})

test('a configuration without limits writes no control group', () => {
  assert.deepEqual(set({}, 1), [])
  assert.deepEqual(set({}, 2), [])
})

test('limits become settings of control groups of either version', () => {
  for (const [config, version1, version2] of [
    [
      { 'limits.memory': '64MiB' },
      ['memory.limit_in_bytes=67108864', 'memory.memsw.limit_in_bytes=67108864', 'memory.soft_limit_in_bytes=60397977'],
      ['memory.max=67108864'],
    ],
    [
      { 'limits.memory': '10%', 'limits.memory.enforce': 'soft', 'limits.memory.swap': 'false' },
      ['memory.soft_limit_in_bytes=107374182', 'memory.swappiness=0'],
      ['memory.high=107374182', 'memory.swap.max=0'],
    ],
    [{ 'limits.memory.swap.priority': '3' }, ['memory.swappiness=67'], []],
    [{ 'limits.hugepages.2MB': '4MiB' }, ['hugetlb.2MB.limit_in_bytes=4194304'], ['hugetlb.2MB.max=4194304']],
    [{ 'limits.processes': '50' }, ['pids.max=50'], ['pids.max=50']],
    [{ 'limits.cpu': '2' }, ['cpuset.cpus=0,1'], ['cpuset.cpus=0,1']],
    [{ 'limits.cpu': '1-2,3' }, ['cpuset.cpus=1,2,3'], ['cpuset.cpus=1,2,3']],
    [{ 'limits.cpu.allowance': '20%' }, ['cpu.shares=204'], ['cpu.weight=20']],
    [{ 'limits.cpu.priority': '5' }, ['cpu.shares=1019'], ['cpu.weight=95']],
    [
      { 'limits.cpu.allowance': '20ms/100ms' },
      ['cpu.cfs_period_us=100000', 'cpu.cfs_quota_us=20000'],
      ['cpu.max=20000 100000'],
    ],
  ] as const) {
    assert.deepEqual(set(config, 1), version1, JSON.stringify(config))
    assert.deepEqual(set(config, 2), version2, JSON.stringify(config))
  }
})

test('a live change writes all of the features it touches, what is unset as well', () => {
  const written = changedCgroupSettings(['limits.memory', 'user.x'], context({ 'limits.hugepages.2MB': '4MiB' }, 2))
  assert.deepEqual(
    written.map(({ item, value }) => `${item}=${value}`),
    ['memory.max=max', 'memory.high=max', 'memory.swap.max=max'],
  )
  const [first, second, third] = changedCgroupSettings(['limits.memory'], context({ 'limits.memory': '1MiB' }, 1))
  // Memory and swap together can not be below memory at any moment.
  assert.deepEqual(
    [first, second, third].map((setting) => `${setting?.item}=${setting?.value}`),
    ['memory.memsw.limit_in_bytes=-1', 'memory.limit_in_bytes=1048576', 'memory.memsw.limit_in_bytes=1048576'],
  )
})

test('CPUs are those asked for, or the least used', () => {
  const pins = new Map([
    [0, 2],
    [2, 1],
  ])
  assert.deepEqual(chooseCpus({ count: 2 }, [0, 1, 2, 3], pins), [1, 3])
  assert.deepEqual(chooseCpus({ count: 3 }, [0, 1, 2, 3], pins), [1, 2, 3])
  assert.deepEqual(chooseCpus({ count: 9 }, [0, 1], pins), [0, 1])
  assert.deepEqual(chooseCpus({ set: [1, 7] }, [0, 1], pins), [1])
  assert.throws(() => chooseCpus({ set: [7] }, [0, 1], pins), /none of CPU 7/)
})

test('environment, kernel limits, settings and raw lines become lines for liblxc', () => {
  const lines = formatLxcConfig(
    lxcItems(
      context({
        'environment.A': 'b c',
        'limits.kernel.nofile': '100:200',
        'linux.sysctl.net.ipv4.ip_forward': '1',
        'raw.lxc': 'lxc.cap.drop = mknod',
        'limits.processes': '5',
      }),
    ),
  ).split('\n')
  for (const line of [
    'lxc.uts.name = c1',
    'lxc.idmap = u 0 100000 65536',
    'lxc.environment = A=b c',
    'lxc.prlimit.nofile = 100:200',
    'lxc.sysctl.net.ipv4.ip_forward = 1',
    'lxc.cgroup2.pids.max = 5',
  ]) {
    assert.ok(lines.includes(line), line)
  }
  assert.equal(lines.at(-2), 'lxc.cap.drop = mknod')
})

test('every container has its devices listed, and a privileged one capabilities dropped', () => {
  const lines = (idmap: FeatureContext['idmap']) =>
    formatLxcConfig(lxcItems({ ...context({ 'security.privileged': String(idmap.length === 0) }), idmap }))
  const idmap = [{ kind: 'both', inside: 0, host: 100_000, count: 65_536 }] as const
  assert.match(lines([]), /lxc\.cgroup2\.devices\.deny = a\n(.*\n)*lxc\.cap\.drop = sys_time/)
  assert.doesNotMatch(lines([]), /idmap/)
  assert.doesNotMatch(lines(idmap), /cap\.drop/)
  assert.match(lines(idmap), /devices\.deny = a\n(.*allow = .*\n)*.*allow = c 1:3 rwm/)
})

test('what a key can not be is refused', () => {
  for (const [config, message] of [
    [{ 'limits.memory': '0' }, /above 0/],
    [{ 'limits.memory': '0%' }, /from 1% to 100%/],
    [{ 'limits.memory': '101%' }, /from 1% to 100%/],
    [{ 'limits.memory.enforce': 'firm' }, /hard, soft/],
    [{ 'limits.cpu': '0' }, /number of CPUs/],
    [{ 'limits.cpu': '3-1' }, /ends before it starts/],
    [{ 'limits.cpu': '1-2,2' }, /twice/],
    [{ 'limits.cpu': 'all' }, /number of CPUs/],
    [{ 'limits.cpu.allowance': '0%' }, /percentage/],
    [{ 'limits.cpu.allowance': '10ms' }, /percentage/],
    [{ 'limits.cpu.allowance': '10ms/2000ms' }, /percentage/],
    [{ 'limits.cpu.priority': '11' }, /0 to 10/],
    [{ 'limits.processes': '0' }, /from 1/],
    [{ 'limits.kernel.nofile': 'many' }, /number or "unlimited"/],
    [{ 'limits.kernel.nofiles': '1' }, /nearest known key is "limits.kernel.nofile"/],
    [{ 'linux.sysctl.net.ipv4.ip_forward': '1\nlxc.hook.start = x' }, /control characters/],
    [{ 'linux.sysctl.../x': '1' }, /name of a kernel setting/],
    [{ 'environment.A': 'b\nlxc.hook.start = x' }, /control characters/],
    [{ 'environment.A=B': 'c' }, /without "="/],
    [{ 'environment.A\nB': 'c' }, /printable/],
    [{ 'security.syscalls.deny': 'mont' }, /no system call "mont"/],
    [{ 'security.syscalls.deny': 'mount', 'security.syscalls.allow': 'read' }, /exclude each other/],
    [{ 'security.syscalls.deny': 'mount', 'security.syscalls.blacklist': 'mount' }, /exclude each other/],
    [{ 'raw.seccomp': '2\ndenylist\n', 'security.syscalls.deny_default': 'false' }, /exclude each other/],
    [{ 'raw.seccomp': 'denylist' }, /seccomp profile/],
    [{ 'raw.lxc': 'lxc.idmap = u 0 0 1' }, /for the daemon to set/],
    [{ 'raw.lxc': 'lxc.net.0.type = none' }, /for the daemon to set/],
    [{ 'raw.lxc': 'lxc.hook.post-stop =' }, /for the daemon to set/],
    [{ 'raw.lxc': 'lxc.mount.entry =' }, /expected a value/],
    [{ 'raw.lxc': 'nonsense' }, /no line of the form/],
    [{ 'security.idmap.size': '0' }, /from 1/],
  ] as const) {
    assert.throws(
      () => {
        checkConfig('instance', instanceKeys, config as Config)
        checkFeatures(config as Config)
      },
      message,
      JSON.stringify(config),
    )
  }
})

test('the seccomp profile follows its keys, old names included', () => {
  assert.match(seccompProfile({}, 'x86_64') ?? '', /^2\ndenylist\nreject_force_umount\n\[all\]\nkexec_load errno 38\n/)
  assert.equal(seccompProfile({ 'security.syscalls.blacklist_default': 'false' }, 'x86_64'), undefined)
  const own = { 'security.syscalls.deny_default': 'false', 'security.syscalls.deny': 'mount errno 1' }
  assert.equal(seccompProfile(own, 'x86_64'), '2\ndenylist\n[all]\nmount errno 1\n')
  assert.equal(seccompProfile({ 'security.syscalls.whitelist': 'read' }, 'x86_64'), '2\nallowlist\n[all]\nread\n')
  assert.equal(seccompProfile({ 'raw.seccomp': '2\ndenylist\n' }, 'x86_64'), '2\ndenylist\n')
})
