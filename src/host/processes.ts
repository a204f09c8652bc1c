import { closeSync, readFileSync, readlinkSync } from 'node:fs'
import { readdir, readFile } from 'node:fs/promises'
import { setTimeout as delay } from 'node:timers/promises'
import { SyscallError } from './native.ts'
import { openProcess, signalProcess } from './syscalls-process.ts'

/** A process that is not mistaken for a later one with the same number. */
export interface ProcessId {
  readonly pid: number
  /** When it started, in clock ticks since boot. */
  readonly startTime: string
}

/** What `/proc/PID/stat` says first, see proc(5). */
function readStat(pid: number): { state: string; startTime: string } | undefined {
  let text: string
  try {
    text = readFileSync(`/proc/${pid}/stat`, 'latin1')
  } catch {
    return undefined
  }
  // The second field is the name in parentheses, which may hold anything.
  const fields = text.slice(text.lastIndexOf(')') + 2).split(' ')
  return { state: fields[0] ?? '', startTime: fields[19] ?? '' }
}

/** The process that has the number now, or undefined where there is none, or only a zombie. */
export function findProcess(pid: number): ProcessId | undefined {
  const stat = readStat(pid)
  return stat && !'ZX'.includes(stat.state) ? { pid, startTime: stat.startTime } : undefined
}

/** Whether the process still runs. A zombie does not. Reads one small file of the kernel. */
export function isAlive(process: ProcessId): boolean {
  return findProcess(process.pid)?.startTime === process.startTime
}

/** Sends a signal to exactly this process. Nothing happens where it is gone. */
export function sendSignal(process: ProcessId, signal: number): void {
  let pidfd: number
  try {
    pidfd = openProcess(process.pid)
  } catch {
    return
  }
  try {
    // With the descriptor open the number can not pass on to another process any more.
    if (isAlive(process)) signalProcess(pidfd, signal)
  } catch (error) {
    if (!(error instanceof SyscallError) || error.code !== 'ESRCH') throw error
  } finally {
    closeSync(pidfd)
  }
}

/** Waits until the process has ended, at most `timeout` milliseconds. Whether it has. */
export async function waitForEnd(process: ProcessId, timeout: number): Promise<boolean> {
  const end = performance.now() + timeout
  for (let pause = 1; isAlive(process); pause = Math.min(pause * 2, 20)) {
    if (performance.now() > end) return false
    await delay(pause)
  }
  return true
}

/** The children of a process, none where it is gone. */
export function childrenOf(pid: number): number[] {
  try {
    return readFileSync(`/proc/${pid}/task/${pid}/children`, 'latin1').split(' ').filter(Boolean).map(Number)
  } catch {
    return []
  }
}

/** The value of a line of `/proc/PID/status`, or undefined where the process is gone. */
export function statusField(pid: number, name: string): string | undefined {
  try {
    const text = readFileSync(`/proc/${pid}/status`, 'latin1')
    return new RegExp(`^${name}:\\s*(.*)$`, 'm').exec(text)?.[1]
  } catch {
    return undefined
  }
}

/** The numbers of a process in its PID namespaces, from ours inwards. */
export function namespacePids(pid: number): number[] {
  return (statusField(pid, 'NSpid') ?? '').split(/\s+/).filter(Boolean).map(Number)
}

/** The processes of our own PID and user namespaces with their command lines: what no container can pretend. */
export async function ownProcesses(): Promise<{ readonly pid: number; readonly commandLine: string }[]> {
  const pids = (await readdir('/proc')).filter((name) => /^\d+$/.test(name)).map(Number)
  const found = await Promise.all(
    pids.map(async (pid) => ({ pid, commandLine: await readFile(`/proc/${pid}/cmdline`, 'latin1').catch(() => '') })),
  )
  return found.filter(({ pid, commandLine }) => commandLine !== '' && isOurs(pid))
}

function isOurs(pid: number): boolean {
  try {
    return ['pid', 'user'].every(
      (kind) => readlinkSync(`/proc/${pid}/ns/${kind}`) === readlinkSync(`/proc/self/ns/${kind}`),
    )
  } catch {
    return false
  }
}
