import type { MetricFamily, Sample } from '#base/prometheus.ts'
import { renderMetrics } from '#base/prometheus.ts'
import { readCgroupMetrics } from '#host/cgroup-metrics.ts'
import type { CgroupMetrics } from '#host/cgroup-metrics.ts'
import type { FilesystemUsage } from '#host/filesystems.ts'
import type { Runtime } from '#lxc/runtime.ts'
import type { InstanceState } from '#schema/instance.ts'
import type { InstanceRecord } from '#store/instance-record.ts'
import { runtimeName } from './instance-name.ts'

export interface MetricsOptions {
  readonly list: () => readonly InstanceRecord[]
  readonly runtime: Pick<Runtime, 'status' | 'cgroups'>
  readonly readState: (record: InstanceRecord) => Promise<Pick<InstanceState, 'network' | 'processes'>>
  /** The file system that the instance's root is on. */
  readonly readFilesystem: (record: InstanceRecord) => Promise<FilesystemUsage | undefined>
  /** The name of a block device by its numbers, such as `sda` for `8:0`. */
  readonly deviceName: (numbers: string) => Promise<string | undefined>
  /** Memory of the host, in bytes. */
  readonly memory: number
  readonly now?: () => number
}

/** What was measured of one instance. */
interface Measured {
  readonly labels: { readonly name: string; readonly project: string; readonly type: string }
  readonly cgroup: CgroupMetrics
  readonly devices: ReadonlyMap<string, string>
  readonly state: Pick<InstanceState, 'network' | 'processes'>
  readonly filesystem: FilesystemUsage | undefined
}

/** How long what was measured is given out again, in milliseconds: whoever asks often costs no more. */
const freshFor = 1000

/** What running instances use, as `GET /1.0/metrics` tells it to Prometheus. */
export class Metrics {
  readonly #options: MetricsOptions
  #measured: { readonly at: number; readonly all: Promise<Measured[]> } | undefined

  constructor(options: MetricsOptions) {
    this.#options = options
  }

  /** The text for all instances, or those of a project. */
  async read(project?: string): Promise<string> {
    const now = (this.#options.now ?? Date.now)()
    if (!this.#measured || now - this.#measured.at >= freshFor) this.#measured = { at: now, all: this.#measureAll() }
    const all = await this.#measured.all
    const shown = project === undefined ? all : all.filter(({ labels }) => labels.project === project)
    return renderMetrics(families.map((family) => toFamily(family, shown, this.#options.memory)))
  }

  async #measureAll(): Promise<Measured[]> {
    const { list, runtime } = this.#options
    const running = list().filter(({ project, name }) => runtime.status(runtimeName(project, name)) !== 'stopped')
    const measured = await Promise.allSettled(running.map((record) => this.#measure(record)))
    // One that went away meanwhile is not to be told of.
    return measured.flatMap((one) => (one.status === 'fulfilled' ? [one.value] : []))
  }

  async #measure(record: InstanceRecord): Promise<Measured> {
    const { runtime, readState, readFilesystem, deviceName } = this.#options
    const { name, project } = record
    const cgroup = readCgroupMetrics(runtime.cgroups(runtimeName(project, name)))
    const [state, filesystem, devices] = await Promise.all([
      readState(record),
      readFilesystem(record),
      Promise.all(cgroup.disks.map(async ({ device }) => [device, (await deviceName(device)) ?? device] as const)),
    ])
    return { labels: { name, project, type: 'container' }, cgroup, devices: new Map(devices), state, filesystem }
  }
}

/** How a family is made of one instance: each number with the labels it has besides the instance's. */
interface Source {
  readonly name: string
  readonly help: string
  readonly type: MetricFamily['type']
  readonly of: (
    measured: Measured,
    memory: number,
  ) => readonly (readonly [labels: Record<string, string>, value: number])[]
}

function toFamily({ of, ...family }: Source, measured: readonly Measured[], memory: number): MetricFamily {
  const samples = measured.flatMap((one) =>
    of(one, memory).map(([labels, value]): Sample => ({ labels: { ...labels, ...one.labels }, value })),
  )
  return { ...family, samples }
}

function counter(name: string, help: string, of: Source['of']): Source {
  return { name: `lxd_${name}_total`, help, type: 'counter', of }
}

function gauge(name: string, help: string, of: Source['of']): Source {
  return { name: `lxd_${name}`, help, type: 'gauge', of }
}

type Disk = CgroupMetrics['disks'][number]
const ofDisks =
  (pick: (disk: Disk) => number): Source['of'] =>
  ({ cgroup, devices }) =>
    cgroup.disks.map((disk) => [{ device: devices.get(disk.device) ?? disk.device }, pick(disk)])

const ofFilesystem =
  (pick: (usage: FilesystemUsage) => number): Source['of'] =>
  ({ filesystem }) =>
    filesystem ? [[{ device: '', fstype: filesystem.type, mountpoint: '/' }, pick(filesystem)]] : []

type Memory = NonNullable<CgroupMetrics['memory']>
const ofMemory =
  (pick: (memory: Memory, total: number) => number): Source['of'] =>
  ({ cgroup }, memory) =>
    cgroup.memory ? [[{}, pick(cgroup.memory, Math.min(cgroup.memory.limit ?? memory, memory))]] : []

type Counters = NonNullable<InstanceState['network']>[string]['counters']
const ofLinks =
  (pick: (counters: Counters) => number): Source['of'] =>
  ({ state }) =>
    Object.entries(state.network ?? {}).map(([device, { counters }]) => [{ device }, pick(counters)])

/** Everything there is, under LXD's names and with its words. */
const families: readonly Source[] = [
  counter('cpu_seconds', 'The total number of CPU time used in seconds.', ({ cgroup }) =>
    cgroup.cpus.flatMap(({ cpu, user, system }) => [
      [{ cpu: String(cpu), mode: 'system' }, system] as const,
      [{ cpu: String(cpu), mode: 'user' }, user] as const,
    ]),
  ),
  counter(
    'disk_read_bytes',
    'The total number of bytes read.',
    ofDisks(({ readBytes }) => readBytes),
  ),
  counter(
    'disk_reads_completed',
    'The total number of completed reads.',
    ofDisks(({ reads }) => reads),
  ),
  counter(
    'disk_written_bytes',
    'The total number of bytes written.',
    ofDisks(({ writtenBytes }) => writtenBytes),
  ),
  counter(
    'disk_writes_completed',
    'The total number of completed writes.',
    ofDisks(({ writes }) => writes),
  ),
  gauge(
    'filesystem_avail_bytes',
    'The number of available space in bytes.',
    ofFilesystem((usage) => usage.available),
  ),
  gauge(
    'filesystem_free_bytes',
    'The number of free space in bytes.',
    ofFilesystem((usage) => usage.free),
  ),
  gauge(
    'filesystem_size_bytes',
    'The size of the filesystem in bytes.',
    ofFilesystem((usage) => usage.size),
  ),
  gauge(
    'memory_Active_anon_bytes',
    'The amount of anonymous memory on active LRU list.',
    ofMemory((m) => m.activeAnon),
  ),
  gauge(
    'memory_Active_file_bytes',
    'The amount of file-backed memory on active LRU list.',
    ofMemory((m) => m.activeFile),
  ),
  gauge(
    'memory_Active_bytes',
    'The amount of memory on active LRU list.',
    ofMemory((m) => m.activeAnon + m.activeFile),
  ),
  gauge(
    'memory_Cached_bytes',
    'The amount of cached memory.',
    ofMemory((m) => m.cached),
  ),
  gauge(
    'memory_Dirty_bytes',
    'The amount of memory waiting to get written back to the disk.',
    ofMemory((m) => m.dirty),
  ),
  gauge(
    'memory_Inactive_anon_bytes',
    'The amount of anonymous memory on inactive LRU list.',
    ofMemory((m) => m.inactiveAnon),
  ),
  gauge(
    'memory_Inactive_file_bytes',
    'The amount of file-backed memory on inactive LRU list.',
    ofMemory((m) => m.inactiveFile),
  ),
  gauge(
    'memory_Inactive_bytes',
    'The amount of memory on inactive LRU list.',
    ofMemory((m) => m.inactiveAnon + m.inactiveFile),
  ),
  gauge(
    'memory_Mapped_bytes',
    'The amount of mapped memory.',
    ofMemory((m) => m.mapped),
  ),
  gauge(
    'memory_MemAvailable_bytes',
    'The amount of available memory.',
    ofMemory((m, total) => Math.max(0, total - m.used + m.cached)),
  ),
  gauge(
    'memory_MemFree_bytes',
    'The amount of free memory.',
    ofMemory((m, total) => Math.max(0, total - m.used)),
  ),
  gauge(
    'memory_MemTotal_bytes',
    'The amount of used memory.',
    ofMemory((_m, total) => total),
  ),
  gauge(
    'memory_RSS_bytes',
    'The amount of anonymous and swap cache memory.',
    ofMemory((m) => m.anonymous),
  ),
  gauge(
    'memory_Shmem_bytes',
    'The amount of cached filesystem data that is swap-backed.',
    ofMemory((m) => m.shared),
  ),
  gauge(
    'memory_Swap_bytes',
    'The amount of used swap memory.',
    ofMemory((m) => m.swap),
  ),
  gauge(
    'memory_Unevictable_bytes',
    'The amount of unevictable memory.',
    ofMemory((m) => m.unevictable),
  ),
  gauge(
    'memory_Writeback_bytes',
    'The amount of memory queued for syncing to disk.',
    ofMemory((m) => m.writeback),
  ),
  counter(
    'network_receive_bytes',
    'The amount of received bytes on a given interface.',
    ofLinks((c) => c.bytes_received),
  ),
  counter(
    'network_receive_drop',
    'The amount of received dropped bytes on a given interface.',
    ofLinks((c) => c.packets_dropped_inbound),
  ),
  counter(
    'network_receive_errs',
    'The amount of received errors on a given interface.',
    ofLinks((c) => c.errors_received),
  ),
  counter(
    'network_receive_packets',
    'The amount of received packets on a given interface.',
    ofLinks((c) => c.packets_received),
  ),
  counter(
    'network_transmit_bytes',
    'The amount of transmitted bytes on a given interface.',
    ofLinks((c) => c.bytes_sent),
  ),
  counter(
    'network_transmit_drop',
    'The amount of transmitted dropped bytes on a given interface.',
    ofLinks((c) => c.packets_dropped_outbound),
  ),
  counter(
    'network_transmit_errs',
    'The amount of transmitted errors on a given interface.',
    ofLinks((c) => c.errors_sent),
  ),
  counter(
    'network_transmit_packets',
    'The amount of transmitted packets on a given interface.',
    ofLinks((c) => c.packets_sent),
  ),
  {
    name: 'lxd_procs_total',
    help: 'The number of running processes.',
    type: 'gauge',
    of: ({ state }) => [[{}, Math.max(0, state.processes)]],
  },
]
