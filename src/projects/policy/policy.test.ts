import assert from 'node:assert/strict'
import { test } from 'node:test'
import { explain, Failure } from '#base/failure.ts'
import { bool, list, size, string } from '#config/key.ts'
import type { Keys, Risk } from '#config/key.ts'
import { projectKeys, rulesOf } from '../project-keys.ts'
import { covers, parseHostIds } from '../id-ranges.ts'
import { checkConfigPolicy } from './config-policy.ts'
import { checkDevicePolicy } from './device-policy.ts'
import type { DeviceRestriction } from './device-policy.ts'
import { findDirectory } from './disk-paths.ts'
import { checkLimits } from './limit-policy.ts'
import { findForbiddenLine, parseRawIdMap } from './raw-idmap.ts'
import type { Subject } from './subject.ts'
import { checkMayKeep, checkMayTarget } from './verb-policy.ts'

const off = { doc: '', default: 'false' }
const keys: Keys = {
  'security.privileged': bool({ ...off, risk: 'privilege' }),
  'security.idmap.isolated': bool({ ...off, risk: 'privilege' }),
  'security.nesting': bool({ ...off, risk: 'nesting' }),
  'security.syscalls.intercept.mknod': bool({ ...off, risk: 'interception' }),
  'security.syscalls.intercept.mount': bool({ ...off, risk: 'mount-interception' }),
  'security.syscalls.intercept.mount.allowed': string({ doc: '', risk: 'mount-interception' }),
  'raw.lxc': string({ doc: '', risk: 'lowlevel' }),
  'raw.idmap': string({ doc: '', risk: 'idmap' }),
  'snapshots.schedule': string({ doc: '', risk: 'snapshots' }),
  'backups.x': string({ doc: '', risk: 'backups' }),
  'user.*': string({ doc: '', risk: 'safe' }),
  'limits.memory': size({ doc: '', risk: 'safe' }),
  'new.key': string({ doc: '' }),
}

const rules = (config: Readonly<Record<string, string>> = {}) => rulesOf({ config: { restricted: 'true', ...config } })

function subject(config: Subject['config'], more: Partial<Subject> = {}): Subject {
  return { kind: 'container', project: 'p', name: 'c', config, devices: {}, ...more }
}

/** What is said of a configuration under rules; nothing where it is fine. */
function verdict(project: Readonly<Record<string, string>>, what: Subject): string | undefined {
  try {
    checkConfigPolicy(rules(project), what, keys)
    return undefined
  } catch (error) {
    assert.ok(error instanceof Failure && error.kind === 'forbidden', explain(error))
    return explain(error)
  }
}

test('each class of keys is refused until the key of the project opens it', () => {
  const classes: Readonly<Record<Exclude<Risk, 'safe'>, readonly [Record<string, string>, Record<string, string>][]>> =
    {
      lowlevel: [[{ 'raw.lxc': 'x' }, { 'restricted.containers.lowlevel': 'allow' }]],
      privilege: [[{ 'security.privileged': 'true' }, { 'restricted.containers.privilege': 'allow' }]],
      nesting: [[{ 'security.nesting': 'true' }, { 'restricted.containers.nesting': 'allow' }]],
      interception: [
        [{ 'security.syscalls.intercept.mknod': 'true' }, { 'restricted.containers.interception': 'allow' }],
        [{ 'security.syscalls.intercept.mknod': 'true' }, { 'restricted.containers.interception': 'full' }],
      ],
      'mount-interception': [
        [{ 'security.syscalls.intercept.mount': 'true' }, { 'restricted.containers.interception': 'full' }],
        [{ 'security.syscalls.intercept.mount.allowed': 'ext4' }, { 'restricted.containers.interception': 'full' }],
      ],
      idmap: [
        [{ 'raw.idmap': 'uid 1000 1000' }, { 'restricted.idmap.uid': '1000' }],
        [{ 'raw.idmap': 'gid 50-60 0-10' }, { 'restricted.idmap.gid': '1,50-60' }],
        [{ 'raw.idmap': 'both 7 7' }, { 'restricted.idmap.uid': '7', 'restricted.idmap.gid': '7' }],
        [{ 'raw.idmap': 'both 7 7' }, { 'restricted.containers.lowlevel': 'allow' }],
      ],
      backups: [[{ 'backups.x': 'x' }, { 'restricted.backups': 'allow' }]],
      snapshots: [[{ 'snapshots.schedule': '@daily' }, { 'restricted.snapshots': 'allow' }]],
    }
  for (const [risk, uses] of Object.entries(classes)) {
    for (const [config, opened] of uses) {
      assert.notEqual(verdict({}, subject(config)), undefined, risk)
      assert.equal(verdict(opened, subject(config)), undefined, risk)
    }
  }
  assert.match(
    verdict({ 'restricted.containers.interception': 'allow' }, subject({ 'security.syscalls.intercept.mount': '1' })) ??
      '',
    /Interception of mounts is forbidden/,
  )
})

test('a refusal is in the words of LXD', () => {
  assert.equal(
    verdict({}, subject({ 'security.privileged': 'true' })),
    'Invalid value "true" for config "security.privileged" on container "c" of project "p": Privileged containers are forbidden',
  )
  assert.equal(
    verdict({}, subject({ 'raw.lxc': 'x' })),
    'Use of low-level config "raw.lxc" on container "c" of project "p" is forbidden',
  )
  assert.equal(
    verdict({}, subject({ 'raw.idmap': 'uid 1 1' }, { kind: 'profile' })),
    'Use of low-level "raw.idmap" element 0 on profile "c" of project "p" is forbidden',
  )
})

test('a key without a class is refused, whatever is open', () => {
  const open = Object.fromEntries(
    Object.entries(projectKeys)
      .filter(([name, key]) => name.startsWith('restricted.') && key.choices.includes('allow'))
      .map(([name]) => [name, 'allow']),
  )
  assert.equal(verdict(open, subject({ 'raw.lxc': 'x' })), undefined)
  assert.match(verdict(open, subject({ 'new.key': 'x' })) ?? '', /Use of config "new.key" .* is forbidden/)
  assert.match(verdict(open, subject({ 'unknown.key': 'x' })) ?? '', /Use of config "unknown.key" .* is forbidden/)
})

test('what asks for nothing is no use of a class', () => {
  for (const config of [
    { 'security.privileged': 'false', 'security.nesting': 'no', 'security.syscalls.intercept.mknod': '0' },
    { 'security.nesting': '' },
    { 'user.a': 'b', 'volatile.idmap.base': '0', 'security.idmap.isolated': 'true' },
  ]) {
    assert.equal(verdict({}, subject(config)), undefined)
  }
})

test('isolation is asked of what a configuration comes to, set or not', () => {
  const isolated = { 'restricted.containers.privilege': 'isolated' }
  for (const config of [{}, { 'security.idmap.isolated': '' }, { 'security.idmap.isolated': 'false' }]) {
    assert.match(
      verdict(isolated, subject(config)) ?? '',
      /"security.idmap.isolated".*Non-isolated containers are forbidden/,
    )
  }
  assert.equal(verdict(isolated, subject({ 'security.idmap.isolated': 'yes' })), undefined)
  assert.match(
    verdict(isolated, subject({ 'security.idmap.isolated': 'true', 'security.privileged': 'on' })) ?? '',
    /Privileged containers are forbidden/,
  )
  // A profile need not say it: an instance that uses it may.
  assert.equal(verdict(isolated, subject({}, { kind: 'profile' })), undefined)
  assert.notEqual(verdict(isolated, subject({ 'security.idmap.isolated': 'off' }, { kind: 'profile' })), undefined)
})

const diskKeys = {
  path: string({ doc: '', risk: 'safe' }),
  pool: string({ doc: '', risk: 'safe' }),
  source: string({ doc: '', risk: 'safe' }),
  shift: bool({ doc: '', risk: 'safe' }),
  propagation: string({ doc: '' }),
}
const nicKeys = {
  network: string({ doc: '', risk: 'safe' }),
  parent: string({ doc: '', risk: 'safe' }),
  'ipv4.routes': list((item) => item, { doc: '' }),
}

function deviceVerdict(project: Readonly<Record<string, string>>, device: Record<string, string>): string | undefined {
  const of: Readonly<Record<string, Keys>> = { disk: diskKeys, nic: nicKeys }
  try {
    checkDevicePolicy(rules(project), subject({}, { devices: { d: device } }), {
      kindOf: ({ type = '' }) => ({ restriction: type as DeviceRestriction, keys: of[type] ?? {} }),
    })
    return undefined
  } catch (error) {
    assert.ok(error instanceof Failure && error.kind === 'forbidden', explain(error))
    return explain(error)
  }
}

test('each kind of device is refused until the key of the project opens it', () => {
  const kinds: Readonly<Record<Exclude<DeviceRestriction, 'free'>, Record<string, string>>> = {
    disk: { path: '/mnt', source: '/srv' },
    nic: { nictype: 'macvlan', parent: 'eth0' },
    gpu: {},
    infiniband: {},
    pci: {},
    proxy: {},
    'unix-block': {},
    'unix-char': {},
    'unix-hotplug': {},
    usb: {},
  }
  for (const [type, device] of Object.entries(kinds)) {
    const said = deviceVerdict({}, { type, ...device })
    assert.match(said ?? '', /^Invalid device "d" on container "c" of project "p": .*forbidden|allowed/, type)
    assert.equal(deviceVerdict({ [`restricted.devices.${type}`]: 'allow' }, { type, ...device }), undefined, type)
  }
  assert.equal(deviceVerdict({}, { type: 'free' }), undefined)
})

test('disks: the root always, volumes of pools where managed, paths where allowed and only those listed', () => {
  const root = { type: 'disk', path: '/', pool: 'p' }
  const volume = { type: 'disk', path: '/v', pool: 'p', source: 'v' }
  const rule = (value: string, paths = '') => ({
    'restricted.devices.disk': value,
    'restricted.devices.disk.paths': paths,
  })
  assert.equal(deviceVerdict(rule('block'), root), undefined)
  assert.equal(deviceVerdict(rule('block'), { ...root, path: '//./' }), undefined)
  assert.match(deviceVerdict(rule('block'), volume) ?? '', /Disk devices are forbidden/)
  assert.match(deviceVerdict(rule('block'), { ...root, path: '/..' }) ?? '', /Disk devices are forbidden/)
  assert.match(deviceVerdict(rule('managed'), { ...root, pool: '', source: '/etc' }) ?? '', /not backed by a pool/)
  assert.equal(deviceVerdict(rule('managed'), volume), undefined)
  assert.match(
    deviceVerdict(rule('managed'), { ...volume, propagation: 'shared' }) ?? '',
    /Use of "propagation" is forbidden/,
  )
  assert.equal(
    deviceVerdict(rule('allow'), { type: 'disk', path: '/e', source: '/etc', propagation: 'shared' }),
    undefined,
  )

  const host = (source: string, more = {}) =>
    deviceVerdict(rule('allow', '/srv/a/,/home/../data'), { type: 'disk', path: '/m', source, ...more })
  for (const source of ['/srv/a', '/srv/a/', '/srv//a/b', '/srv/b/../a', '/data/x', '/./data']) {
    assert.equal(host(source), undefined, source)
  }
  for (const source of [
    '/srv',
    '/srv/ab',
    '/srv/a/../b',
    '/srv/a/../../etc',
    '/etc',
    'srv/a',
    '/home',
    '',
    '/srv/a\0',
  ]) {
    assert.match(host(source) ?? '', /Disk source path ".*" not allowed/s, source)
  }
  assert.match(host('/srv/a', { shift: 'true' }) ?? '', /Use of "shift" is forbidden/)
  const ids = { 'restricted.idmap.uid': '0-4294967294', 'restricted.idmap.gid': '0-4294967294' }
  const shifted = { type: 'disk', path: '/m', source: '/srv/a', shift: 'true' }
  assert.equal(deviceVerdict({ ...rule('allow', '/srv/a'), ...ids }, shifted), undefined)
})

test('NICs: on networks where managed, and only on those the project has access to', () => {
  const rule = (value: string, access = '') => ({
    'restricted.devices.nic': value,
    'restricted.networks.access': access,
  })
  const nic = { type: 'nic', network: 'br0' }
  assert.equal(deviceVerdict(rule('managed'), nic), undefined)
  assert.equal(deviceVerdict(rule('managed', 'br1, br0'), nic), undefined)
  assert.match(deviceVerdict(rule('managed', 'br1'), nic) ?? '', /Network not allowed in project/)
  assert.match(
    deviceVerdict(rule('allow', 'br1'), { type: 'nic', parent: 'br0' }) ?? '',
    /Network not allowed in project/,
  )
  assert.match(deviceVerdict(rule('allow', 'br0'), { ...nic, parent: 'br1' }) ?? '', /Network not allowed in project/)
  assert.match(deviceVerdict(rule('block'), nic) ?? '', /Network devices are forbidden/)
  assert.match(deviceVerdict(rule('managed'), { type: 'nic', nictype: 'bridged', parent: 'br0' }) ?? '', /Only managed/)
  assert.match(deviceVerdict(rule('managed'), { ...nic, 'ipv4.routes': '10.0.0.0/8' }) ?? '', /Use of "ipv4.routes"/)
  assert.equal(deviceVerdict(rule('allow'), { ...nic, 'ipv4.routes': '10.0.0.0/8' }), undefined)
})

test('directories hold paths by the names in them', () => {
  assert.deepEqual(findDirectory(['/a', '/b/c'], '/b//c/./d/../e'), { directory: '/b/c', rest: 'e' })
  assert.deepEqual(findDirectory(['/'], '/etc'), { directory: '/', rest: 'etc' })
  assert.deepEqual(findDirectory(['/a'], '/a'), { directory: '/a', rest: '' })
  for (const path of ['/ab', '/', '/a/..', '/a/../../a2', 'a', '']) assert.equal(findDirectory(['/a'], path), undefined)
})

test('ranges of ids, and maps of them', () => {
  assert.deepEqual(parseHostIds('5'), { first: 5, last: 5 })
  for (const text of ['', '-', '1-', '-1', '2-1', '1-2-3', 'a', '4294967295', '1.5']) {
    assert.throws(() => parseHostIds(text), Error, text)
  }
  const allowed = ['10-19', '20-29', '5'].map(parseHostIds)
  for (const [range, covered] of [
    ['10-29', true],
    ['5', true],
    ['15-22', true],
    ['9-10', false],
    ['29-30', false],
    ['5-10', false],
    ['0', false],
  ] as const) {
    assert.equal(covers(allowed, parseHostIds(range)), covered, range)
  }
  assert.equal(findForbiddenLine(parseRawIdMap('uid 5 0\n\ngid 6 0'), { uid: allowed, gid: allowed }), 1)
  assert.equal(findForbiddenLine(parseRawIdMap('both 5 0'), { uid: allowed, gid: [] }), 0)
  for (const text of ['x 1 1', 'uid 1', 'uid 1-2 1', 'uid 1 1 1', 'uid\n1 1', 'uid 1 1\n'.repeat(341)]) {
    assert.throws(() => parseRawIdMap(text), Error, text)
  }
})

test('snapshots, backups and places in a cluster are refused until allowed', () => {
  const project = (config: Record<string, string>) => ({ name: 'p', description: '', config })
  const restricted = (config = {}) => project({ restricted: 'true', ...config })
  assert.throws(() => checkMayKeep(restricted(), 'snapshot'), {
    kind: 'forbidden',
    message: `Project "p" doesn't allow for snapshot creation`,
  })
  assert.throws(() => checkMayKeep(restricted(), 'backup'), { kind: 'forbidden' })
  assert.throws(() => checkMayKeep(restricted({ 'restricted.backups': 'allow' }), 'snapshot'), { kind: 'forbidden' })
  checkMayKeep(restricted({ 'restricted.snapshots': 'allow' }), 'snapshot')
  checkMayKeep(restricted({ 'restricted.backups': 'allow' }), 'backup')
  checkMayKeep(project({}), 'snapshot')

  assert.throws(() => checkMayTarget(restricted(), 'm1'), { kind: 'forbidden' })
  checkMayTarget(restricted({ 'restricted.cluster.target': 'allow' }), 'm1')
  checkMayTarget(restricted(), '')
  checkMayTarget(restricted(), '@g1')
  assert.throws(() => checkMayTarget(restricted({ 'restricted.cluster.groups': 'g2' }), '@g1'), { kind: 'forbidden' })
  checkMayTarget(restricted({ 'restricted.cluster.groups': 'g1,g2' }), '@g1')
})

test('limits say what is too much, or too low', () => {
  const root = { type: 'disk', path: '/', pool: 'p', size: '1GiB' }
  const instance = (name: string, config: Record<string, string> = {}, devices = {}) => ({
    name,
    type: 'container' as const,
    config,
    devices,
  })
  const check = (
    config: Record<string, string>,
    instances: readonly ReturnType<typeof instance>[],
    more: { changed?: 'project'; networks?: number; images?: number } = {},
  ) => {
    const content = { instances, networks: 0, images: 0, changed: 'content' as const, ...more }
    checkLimits({ ...content, name: 'p', rules: rulesOf({ config }), config })
  }
  const two = [instance('c1', { 'limits.memory': '512MiB' }), instance('c2', { 'limits.memory': '512MiB' })]
  check(
    { 'limits.memory': '1GiB', 'limits.instances': '2', 'limits.containers': '2', 'limits.virtual-machines': '0' },
    two,
  )
  for (const [config, instances, more, message] of [
    [{ 'limits.instances': '1' }, two, {}, 'Reached maximum number of instances in project "p"'],
    [{ 'limits.containers': '0' }, two, {}, 'Reached maximum number of instances of type "container" in project "p"'],
    [
      { 'limits.memory': '1023MiB' },
      two,
      {},
      'Reached maximum aggregate value "1023MiB" for "limits.memory" in project "p"',
    ],
    [
      { 'limits.memory': '1GiB' },
      [...two, instance('c3')],
      {},
      'Instance "c3" in project "p" has no "limits.memory" config, either directly or via a profile',
    ],
    [
      { 'limits.memory': '1GiB' },
      [instance('c3', { 'limits.memory': '1%' })],
      {},
      'Failed parsing "limits.memory" for instance "c3" in project "p"',
    ],
    [
      { 'limits.cpu': '9' },
      [instance('c3', { 'limits.cpu': '0-1' })],
      {},
      'Failed parsing "limits.cpu" for instance "c3" in project "p"',
    ],
    [
      { 'limits.disk': '1GiB' },
      [instance('c3')],
      {},
      'Instance "c3" in project "p" has no "size" config set on the root device either directly or via a profile',
    ],
    [
      { 'limits.disk': '1GiB' },
      [instance('c3', {}, { root })],
      { images: 1 },
      'Reached maximum aggregate value "1GiB" for "limits.disk" in project "p"',
    ],
    [{ 'limits.networks': '1' }, [], { networks: 2 }, 'Reached maximum number of networks in project "p"'],
    [
      { 'limits.memory': '100MiB' },
      two,
      { changed: 'project' },
      '"limits.memory" is too low: current total is "1.0GiB"',
    ],
    [
      { 'limits.instances': '0' },
      two,
      { changed: 'project' },
      `Can't change limits.instances in project "p": "limits.instances" is too low: there currently are 2 total instances in project "p"`,
    ],
    [
      { 'limits.containers': '1' },
      two,
      { changed: 'project' },
      `Can't change "limits.containers" in project "p": "limits.containers" is too low: there currently are 2 instances of type container in project "p"`,
    ],
  ] as const) {
    const kind = 'changed' in more ? 'bad-request' : 'forbidden'
    assert.throws(
      () => check(config, instances, more),
      (error) => error instanceof Failure && error.kind === kind && explain(error).includes(message),
      message,
    )
  }
})
