import { readFileSync } from 'node:fs'
import { join } from 'node:path'

/** Seconds of processor time that were used. */
export interface CpuTime {
  /** The number of the processor. Version 2 groups are not told apart by it: all is under 0, as LXD has it. */
  readonly cpu: number
  readonly user: number
  readonly system: number
}

/** Bytes and operations of a block device. */
export interface DiskTraffic {
  /** Its numbers, such as `8:0`. */
  readonly device: string
  readonly readBytes: number
  readonly writtenBytes: number
  readonly reads: number
  readonly writes: number
}

/** Bytes of memory by kind: what it is used for, and which of the kernel's lists it is on. */
export interface MemoryKinds {
  readonly activeAnon: number
  readonly activeFile: number
  readonly inactiveAnon: number
  readonly inactiveFile: number
  readonly unevictable: number
  readonly anonymous: number
  readonly cached: number
  readonly dirty: number
  readonly mapped: number
  readonly shared: number
  readonly writeback: number
  readonly swap: number
  /** All of it. */
  readonly used: number
  /** How much there may be, where that is bounded. */
  readonly limit: number | undefined
}

/** What the kernel counts of the processes of a container. */
export interface CgroupMetrics {
  readonly cpus: readonly CpuTime[]
  readonly disks: readonly DiskTraffic[]
  readonly memory: MemoryKinds | undefined
}

/** Directories by controller, the version 2 one also as `unified`. */
type Groups = ReadonlyMap<string, string>

/** Reads all that is counted. What the host does not count is left out. */
export function readCgroupMetrics(groups: Groups): CgroupMetrics {
  return { cpus: readCpus(groups), disks: readDisks(groups), memory: readMemory(groups) }
}

function readCpus(groups: Groups): CpuTime[] {
  // Version 1: a line of titles, then "cpu user system", in nanoseconds.
  const each = readText(groups.get('cpuacct'), 'cpuacct.usage_all')
  if (each !== undefined) {
    return [...each.matchAll(/^(\d+) (\d+) (\d+)$/gm)].map(([, cpu, user, system]) => ({
      cpu: Number(cpu),
      user: Number(user) / 1e9,
      system: Number(system) / 1e9,
    }))
  }
  const stat = readPairs(groups.get('unified'), 'cpu.stat')
  const user = stat.get('user_usec')
  if (user === undefined) return []
  return [{ cpu: 0, user: user / 1e6, system: (stat.get('system_usec') ?? 0) / 1e6 }]
}

function readDisks(groups: Groups): DiskTraffic[] {
  const unified = readText(groups.get('unified'), 'io.stat')
  if (unified !== undefined) {
    return [...unified.matchAll(/^(\d+:\d+) (.*)$/gm)].map(([, device = '', text = '']) => {
      const counts = new Map([...text.matchAll(/(\w+)=(\d+)/g)].map(([, name = '', value]) => [name, Number(value)]))
      const of = (name: string) => counts.get(name) ?? 0
      return { device, readBytes: of('rbytes'), writtenBytes: of('wbytes'), reads: of('rios'), writes: of('wios') }
    })
  }
  const bytes = readOperations(groups, 'blkio.throttle.io_service_bytes')
  const counts = readOperations(groups, 'blkio.throttle.io_serviced')
  return [...bytes].map(([device, { Read = 0, Write = 0 }]) => {
    const { Read: reads = 0, Write: writes = 0 } = counts.get(device) ?? {}
    return { device, readBytes: Read, writtenBytes: Write, reads, writes }
  })
}

/** Version 1: "device operation number" a line. */
function readOperations(groups: Groups, file: string): Map<string, { Read?: number; Write?: number }> {
  const found = new Map<string, { Read?: number; Write?: number }>()
  const text = readText(groups.get('blkio'), file) ?? ''
  for (const [, device = '', operation, value] of text.matchAll(/^(\d+:\d+) (Read|Write) (\d+)$/gm)) {
    found.set(device, { ...found.get(device), [operation as 'Read' | 'Write']: Number(value) })
  }
  return found
}

/** The names of what both versions of `memory.stat` count, in version 1 with the groups below it. */
const kinds = {
  activeAnon: ['total_active_anon', 'active_anon'],
  activeFile: ['total_active_file', 'active_file'],
  inactiveAnon: ['total_inactive_anon', 'inactive_anon'],
  inactiveFile: ['total_inactive_file', 'inactive_file'],
  unevictable: ['total_unevictable', 'unevictable'],
  anonymous: ['total_rss', 'anon'],
  cached: ['total_cache', 'file'],
  dirty: ['total_dirty', 'file_dirty'],
  mapped: ['total_mapped_file', 'file_mapped'],
  shared: ['total_shmem', 'shmem'],
  writeback: ['total_writeback', 'file_writeback'],
} as const

function readMemory(groups: Groups): MemoryKinds | undefined {
  const directory = groups.get('memory')
  const stat = readPairs(directory, 'memory.stat')
  if (stat.size === 0) return undefined
  const isUnified = directory === groups.get('unified')
  const number = (file: string) => toNumber(readText(directory, file))
  const of = (kind: keyof typeof kinds) => stat.get(kinds[kind][isUnified ? 1 : 0]) ?? 0
  const limit = number(isUnified ? 'memory.max' : 'memory.limit_in_bytes')
  return {
    ...(Object.fromEntries(Object.keys(kinds).map((kind) => [kind, of(kind as keyof typeof kinds)])) as Record<
      keyof typeof kinds,
      number
    >),
    swap: isUnified ? (number('memory.swap.current') ?? 0) : (stat.get('total_swap') ?? 0),
    used: number(isUnified ? 'memory.current' : 'memory.usage_in_bytes') ?? 0,
    // Version 1 writes a number near 2⁶³ where there is no limit.
    limit: limit === undefined || limit > 2 ** 60 ? undefined : limit,
  }
}

function readPairs(directory: string | undefined, file: string): Map<string, number> {
  const text = readText(directory, file) ?? ''
  return new Map([...text.matchAll(/^(\w+) (\d+)$/gm)].map(([, name = '', value]) => [name, Number(value)]))
}

function toNumber(text: string | undefined): number | undefined {
  const trimmed = text?.trim()
  return trimmed !== undefined && /^\d{1,20}$/.test(trimmed) ? Number(trimmed) : undefined
}

function readText(directory: string | undefined, file: string): string | undefined {
  if (directory === undefined) return undefined
  try {
    return readFileSync(join(directory, file), 'utf8')
  } catch {
    return undefined
  }
}
