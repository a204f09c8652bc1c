import assert from 'node:assert/strict'
import { test } from 'node:test'

import type { InstanceFull } from '#client/instances.ts'

import { parseColumns } from './columns.ts'

const instance: InstanceFull = {
  architecture: 'x86_64',
  config: { 'volatile.base_image': '743a4370cfabb49566d9be5f2010', 'user.owner': 'ann' },
  created_at: '2026-11-23T22:28:48.647050552Z',
  description: 'A test',
  devices: {},
  ephemeral: true,
  expanded_config: {
    'volatile.base_image': '743a4370cfabb49566d9be5f2010',
    'user.owner': 'ann',
    'limits.memory': '64MiB',
  },
  expanded_devices: {
    eth0: { type: 'nic', network: 'lxdbr0' },
    root: { type: 'disk', path: '/', pool: 'fast' },
  },
  last_used_at: '1970-01-01T00:00:00Z',
  location: 'none',
  name: 'c1',
  profiles: ['default', 'web'],
  project: 'default',
  stateful: false,
  status: 'Running',
  status_code: 103,
  type: 'container',
  backups: null,
  snapshots: [{ name: 'snap0', created_at: '', expires_at: '', stateful: false }],
  state: {
    status: 'Running',
    status_code: 103,
    cpu: { usage: 12_416_849_000 },
    disk: { root: { usage: 1_572_864 } },
    memory: { usage: 622_592, usage_peak: 0, swap_usage: 0, swap_usage_peak: 0 },
    pid: 42,
    processes: 3,
    network: {
      lo: link('loopback', [['inet', '127.0.0.1', 'local']]),
      eth0: link('broadcast', [
        ['inet', '10.1.1.1', 'global'],
        ['inet', '10.127.251.218', 'global'],
        ['inet6', 'fd42::1', 'global'],
        ['inet6', 'fe80::1', 'link'],
      ]),
    },
  },
}

function link(type: string, addresses: readonly (readonly [string, string, string])[]) {
  return {
    type,
    addresses: addresses.map(([family, address, scope]) => ({ family, address, scope, netmask: '24' })),
    counters: {},
    hwaddr: '',
    host_name: '',
    mtu: 1500,
    state: 'up',
  }
}

const shown: readonly (readonly [columns: string, header: readonly string[], cells: readonly string[]])[] = [
  ['ns', ['NAME', 'STATE'], ['c1', 'RUNNING']],
  ['n,s', ['NAME', 'STATE'], ['c1', 'RUNNING']],
  ['4', ['IPV4'], ['10.127.251.218 (eth0)\n10.1.1.1 (eth0)']],
  ['6', ['IPV6'], ['fd42::1 (eth0)']],
  ['tPS', ['TYPE', 'PROFILES', 'SNAPSHOTS'], ['CONTAINER (EPHEMERAL)', 'default\nweb', '1']],
  ['cl', ['CREATED AT', 'LAST USED AT'], ['2026/11/23 22:28 UTC', '']],
  ['mMDuNp', ['MEMORY USAGE', 'MEMORY USAGE%', 'DISK USAGE', 'CPU USAGE', 'PROCESSES', 'PID'], ['608.00KiB', '0.9%', '1.50MiB', '12s', '3', '42']], // prettier-ignore
  ['r', ['PRIVILEGED'], ['NO']],
  ['fb', ['BASE IMAGE', 'STORAGE POOL'], ['743a4370cfab', 'fast']],
  ['user.owner', ['USER OWNER'], ['ann']],
  ['n,user.owner:WHO,limits.memory', ['NAME', 'WHO', 'LIMITS MEMORY'], ['c1', 'ann', '64MiB']],
  ['config:user.owner:who:2', ['WHO'], ['an']],
  ['user.owner:A:0', ['A'], ['a']],
  ['user.owner:A:-1', ['A'], ['ann']],
  ['user.owner::2', [''], ['an']],
  ['devices:eth0.network:NET', ['NET'], ['lxdbr0']],
  ['devices:eth9.network', ['ETH9 NETWORK'], ['']],
]

for (const [text, header, cells] of shown) {
  test(`-c ${text} shows ${JSON.stringify(cells)}`, () => {
    const columns = parseColumns(text)

    assert.deepEqual(
      columns.map((column) => column.header),
      header,
    )
    assert.deepEqual(
      columns.map((column) => column.show(instance)),
      cells,
    )
  })
}

test('an instance that does not run shows nothing of what it would use', () => {
  const stopped = { ...instance, status: 'Stopped', status_code: 102 }

  assert.deepEqual(
    parseColumns('46mMuN').map((column) => column.show(stopped)),
    ['', '', '', '', '', ''],
  )
})

const mistakes: readonly (readonly [columns: string, message: string])[] = [
  ['', "Empty column entry (redundant, leading or trailing command) in ''"],
  ['n,,s', "Empty column entry (redundant, leading or trailing command) in 'n,,s'"],
  ['nQ', "Unknown column shorthand char 'Q' in 'nQ'"],
  ['foo.bar', "Invalid config key 'foo.bar' in 'foo.bar'"],
  ['user.a:', "Invalid name in 'user.a:', empty string is only allowed when defining maxWidth"],
  ['user.a:A:x', "Invalid max width (must be an integer) 'x' in 'user.a:A:x'"],
  ['user.a:A:-2', "Invalid max width (must -1, 0 or a positive integer) '-2' in 'user.a:A:-2'"],
  ['config:user.a:A:1:2', "Invalid config key column format (too many fields): 'config:user.a:A:1:2'"],
]

for (const [text, message] of mistakes) {
  test(`-c ${text} is refused`, () => {
    assert.throws(() => parseColumns(text), { kind: 'bad-request', message })
  })
}
