import { existsSync, readFileSync, readdirSync } from 'node:fs'
import { machine, totalmem } from 'node:os'
import { join } from 'node:path'
import { hierarchyOf, parseCgroups, readHierarchies } from '#host/cgroups.ts'
import type { HostFacts } from './feature.ts'

const controllers = ['blkio', 'cpu', 'cpuacct', 'cpuset', 'devices', 'freezer', 'hugetlb', 'io', 'memory', 'pids']

function readText(path: string): string {
  try {
    return readFileSync(path, 'latin1')
  } catch {
    return ''
  }
}

/** The numbers in a kernel list such as `0-3,6` (cpuset(7), "List format"). */
export function parseCpuList(text: string): number[] {
  return text
    .trim()
    .split(',')
    .filter((part) => /^\d+(-\d+)?$/.test(part))
    .flatMap((part) => {
      const [first = 0, last = first] = part.split('-').map(Number)
      return Array.from({ length: last - first + 1 }, (_, index) => first + index)
    })
}

/** What features need to know of this host. */
export function readHostFacts(): HostFacts {
  const hierarchies = readHierarchies()
  const own = parseCgroups(readText('/proc/self/cgroup'), hierarchies)
  const found = controllers.flatMap((name): [string, 1 | 2][] => {
    const hierarchy = hierarchyOf(hierarchies, name)
    return hierarchy ? [[name, hierarchy.version]] : []
  })
  const cgroups = new Map(found)
  // Version 2 has no controller for devices: rules are programs, which only the host itself may load.
  if (isNested()) cgroups.delete('devices')
  else if (!cgroups.has('devices') && hierarchies.some(({ version }) => version === 2)) cgroups.set('devices', 2)
  const directory = (name: string) => {
    const hierarchy = hierarchyOf(hierarchies, name)
    return hierarchy && own.get(hierarchy)
  }
  const memory = directory('memory')
  const swapFile = cgroups.get('memory') === 1 ? 'memory.memsw.limit_in_bytes' : 'memory.swap.max'
  const cpuset = directory('cpuset')
  const online = readText('/sys/devices/system/cpu/online')
  const allowed = cpuset
    ? readText(join(cpuset, cgroups.get('cpuset') === 1 ? 'cpuset.cpus' : 'cpuset.cpus.effective'))
    : ''
  return {
    cgroups,
    swapAccounting: memory !== undefined && existsSync(join(memory, swapFile)),
    memory: totalmem(),
    cpus: parseCpuList(allowed.trim() || online),
    hugePages: readHugePages(),
    get lxcfs() {
      const path = findLxcfs(readText('/proc/self/mountinfo'))
      // Before version 5 it had but one file there.
      return path === undefined ? undefined : { path, wholeCpu: existsSync(`${path}/sys/devices/system/cpu/uevent`) }
    },
    apparmor: readText('/sys/module/apparmor/parameters/enabled').trim() === 'Y',
    machine: machine(),
  }
}

/** The sizes the host has huge pages of, as control groups spell them. */
function readHugePages(): string[] {
  const directory = '/sys/kernel/mm/hugepages'
  if (!existsSync(directory)) return []
  return readdirSync(directory).map((name) => {
    const kilobytes = Number(/^hugepages-(\d+)kB$/.exec(name)?.[1] ?? 0)
    if (kilobytes >= 1 << 20) return `${kilobytes >> 20}GB`
    return kilobytes >= 1 << 10 ? `${kilobytes >> 10}MB` : `${kilobytes}KB`
  })
}

/** Where lxcfs is mounted, which is only while it runs (lxcfs(1)). */
export function findLxcfs(mountinfo: string): string | undefined {
  for (const line of mountinfo.split('\n')) {
    const [before = '', after = ''] = line.split(' - ')
    if (after.startsWith('fuse.lxcfs ')) return before.split(' ')[4]
  }
  return undefined
}

/** Whether this daemon is in a user namespace, which has no say about devices. */
function isNested(): boolean {
  return !/^\s*0\s+0\s+4294967295\s*$/.test(readText('/proc/self/uid_map'))
}
