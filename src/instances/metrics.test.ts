import assert from 'node:assert/strict'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, test } from 'node:test'
import type { InstanceRecord } from '#store/instance-record.ts'
import { runtimeName } from './instance-name.ts'
import { Metrics } from './metrics.ts'

let group = ''
before(() => {
  group = mkdtempSync(join(tmpdir(), 'metrics-'))
  for (const [file, text] of Object.entries({
    'cpu.stat': 'user_usec 1500000\nsystem_usec 250000\n',
    'memory.stat': 'anon 100\nfile 50\nactive_anon 60\nactive_file 30\n',
    'memory.current': '400\n',
    'memory.max': '1000\n',
    'io.stat': '8:0 rbytes=4096 wbytes=512 rios=2 wios=1\n',
  }))
    writeFileSync(join(group, file), text)
})
after(() => rmSync(group, { recursive: true }))

function makeMetrics() {
  const asked: string[] = []
  let time = 0
  const records = [
    { project: 'default', name: 'c1' },
    { project: 'p1', name: 'c2' },
    { project: 'p1', name: 'stopped' },
  ] as InstanceRecord[]
  const stopped = runtimeName('p1', 'stopped')
  const counters = { bytes_received: 1, bytes_sent: 2, packets_received: 3, packets_sent: 4 }
  const errors = { errors_received: 5, errors_sent: 6, packets_dropped_inbound: 7, packets_dropped_outbound: 8 }
  const link = { addresses: [], hwaddr: '', host_name: '', mtu: 1500, state: 'up', type: 'broadcast' }
  const metrics = new Metrics({
    list: () => records,
    runtime: {
      status: (name) => (name === stopped ? 'stopped' : 'running'),
      cgroups: () =>
        new Map([
          ['memory', group],
          ['unified', group],
        ]),
    },
    async readState({ name }) {
      asked.push(name)
      return { processes: 5, network: { eth0: { ...link, counters: { ...counters, ...errors } } } }
    },
    readFilesystem: async () => ({ type: 'ext4', size: 300, free: 200, available: 100 }),
    deviceName: async (numbers) => (numbers === '8:0' ? 'sda' : undefined),
    memory: 5000,
    now: () => time,
  })
  return { metrics, asked, pass: (milliseconds: number) => (time += milliseconds) }
}

/** The value of a metric with these labels, besides those of the instance. */
const valueOf = (text: string, start: string) =>
  text
    .split('\n')
    .find((line) => line.startsWith(start) && line.includes('name="c1"'))
    ?.split(' ')
    .at(-1)

test('everything is told under the names of LXD', async () => {
  const { metrics } = makeMetrics()
  const text = await metrics.read()
  for (const [start, value] of [
    ['lxd_cpu_seconds_total{cpu="0",mode="system",name="c1",project="default",type="container"}', '0.25'],
    ['lxd_cpu_seconds_total{cpu="0",mode="user"', '1.5'],
    ['lxd_disk_read_bytes_total{device="sda"', '4096'],
    ['lxd_disk_reads_completed_total{device="sda"', '2'],
    ['lxd_disk_written_bytes_total{device="sda"', '512'],
    ['lxd_disk_writes_completed_total{device="sda"', '1'],
    ['lxd_filesystem_avail_bytes{device="",fstype="ext4",mountpoint="/"', '100'],
    ['lxd_filesystem_free_bytes', '200'],
    ['lxd_filesystem_size_bytes', '300'],
    ['lxd_memory_Active_bytes', '90'],
    ['lxd_memory_Cached_bytes', '50'],
    ['lxd_memory_MemAvailable_bytes', '650'],
    ['lxd_memory_MemFree_bytes', '600'],
    ['lxd_memory_MemTotal_bytes', '1000'],
    ['lxd_memory_RSS_bytes', '100'],
    ['lxd_network_receive_bytes_total{device="eth0"', '1'],
    ['lxd_network_receive_drop_total{device="eth0"', '7'],
    ['lxd_network_receive_errs_total{device="eth0"', '5'],
    ['lxd_network_receive_packets_total{device="eth0"', '3'],
    ['lxd_network_transmit_bytes_total{device="eth0"', '2'],
    ['lxd_network_transmit_drop_total{device="eth0"', '8'],
    ['lxd_network_transmit_errs_total{device="eth0"', '6'],
    ['lxd_network_transmit_packets_total{device="eth0"', '4'],
    ['lxd_procs_total{name="c1"', '5'],
  ] as const) {
    assert.equal(valueOf(text, start), value, start)
  }
  assert.ok(text.endsWith('# EOF\n'))
  assert.ok(!text.includes('stopped'))
})

test('a project shows its own', async () => {
  const { metrics } = makeMetrics()
  const text = await metrics.read('p1')
  assert.match(text, /name="c2",project="p1"/)
  assert.ok(!text.includes('"c1"'))
  assert.equal(await metrics.read('empty'), '# EOF\n')
})

test('who asks often costs no more', async () => {
  const { metrics, asked, pass } = makeMetrics()
  await Promise.all([metrics.read(), metrics.read('p1'), metrics.read()])
  assert.deepEqual(asked, ['c1', 'c2'])
  pass(1000)
  await metrics.read()
  assert.equal(asked.length, 4)
})
