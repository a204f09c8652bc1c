import { readFileSync } from 'node:fs'
import { join } from 'node:path'

/** What the processes of control groups use and have used. What the kernel does not count is 0. */
export interface CgroupUsage {
  /** Nanoseconds of processor time. */
  readonly cpu: number
  /** Processes and threads, or undefined where the host does not count them. */
  readonly processes: number | undefined
  /** Bytes. */
  readonly memory: { readonly now: number; readonly peak: number }
  readonly swap: { readonly now: number; readonly peak: number }
}

/**
 * Reads what a container uses. `groups` are its directories by controller, the version 2 one also as `unified`.
 *
 * These are small files that the kernel writes from counters without waiting for anybody, so they are read at once:
 * handing each to another thread would cost ten times as much as reading it does.
 */
export function readCgroupUsage(groups: ReadonlyMap<string, string>): CgroupUsage {
  const { now, peak } = readMemory(groups)
  return {
    cpu: readCpu(groups),
    processes: readNumber(groups.get('pids'), 'pids.current'),
    memory: { now: now.memory, peak: peak.memory },
    // Version 1 counts memory and swap together.
    swap: { now: now.swap, peak: peak.swap },
  }
}

interface MemoryAndSwap {
  readonly memory: number
  readonly swap: number
}

function readMemory(groups: ReadonlyMap<string, string>): {
  readonly now: MemoryAndSwap
  readonly peak: MemoryAndSwap
} {
  const directory = groups.get('memory')
  const number = (file: string) => readNumber(directory, file) ?? 0
  if (directory !== undefined && directory === groups.get('unified')) {
    return {
      now: { memory: number('memory.current'), swap: number('memory.swap.current') },
      peak: { memory: number('memory.peak'), swap: number('memory.swap.peak') },
    }
  }
  const both = (memory: number, file: string) => ({ memory, swap: Math.max(0, number(file) - memory) })
  return {
    now: both(number('memory.usage_in_bytes'), 'memory.memsw.usage_in_bytes'),
    peak: both(number('memory.max_usage_in_bytes'), 'memory.memsw.max_usage_in_bytes'),
  }
}

function readCpu(groups: ReadonlyMap<string, string>): number {
  const version1 = readNumber(groups.get('cpuacct'), 'cpuacct.usage')
  if (version1 !== undefined) return version1
  // Every version 2 group has this, whether its controller is there or not.
  const microseconds = /^usage_usec (\d+)$/m.exec(readText(groups.get('unified'), 'cpu.stat') ?? '')?.[1]
  return Number(microseconds ?? '0') * 1000
}

function readNumber(directory: string | undefined, file: string): number | undefined {
  const text = readText(directory, file)?.trim()
  return text !== undefined && /^\d{1,20}$/.test(text) ? Number(text) : undefined
}

function readText(directory: string | undefined, file: string): string | undefined {
  if (directory === undefined) return undefined
  try {
    return readFileSync(join(directory, file), 'utf8')
  } catch {
    return undefined
  }
}
