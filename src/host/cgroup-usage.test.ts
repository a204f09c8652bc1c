import assert from 'node:assert/strict'
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { test } from 'node:test'
import { readCgroupUsage } from './cgroup-usage.ts'

/** Reads usage from files made for it; `groups` names the directory of each controller. */
function usageOf(files: Readonly<Record<string, string>>, groups: Readonly<Record<string, string>>) {
  const base = mkdtempSync(join(tmpdir(), 'cgroup-usage-'))
  try {
    for (const [file, text] of Object.entries(files)) {
      mkdirSync(dirname(join(base, file)), { recursive: true })
      writeFileSync(join(base, file), text)
    }
    const found = Object.entries(groups).map(([name, path]): [string, string] => [name, join(base, path)])
    return readCgroupUsage(new Map(found))
  } finally {
    rmSync(base, { recursive: true })
  }
}

const version1 = {
  'memory/c1/memory.usage_in_bytes': '946176\n',
  'memory/c1/memory.max_usage_in_bytes': '1888256\n',
  'memory/c1/memory.memsw.usage_in_bytes': '950272\n',
  'memory/c1/memory.memsw.max_usage_in_bytes': '1888256\n',
  'cpuacct/c1/cpuacct.usage': '18738341\n',
  'pids/c1/pids.current': '5\n',
}
const groups1 = { memory: 'memory/c1', cpuacct: 'cpuacct/c1', pids: 'pids/c1', unified: 'unified/c1' }

test('usage is read from version 1 groups', () => {
  assert.deepEqual(usageOf(version1, groups1), {
    cpu: 18_738_341,
    processes: 5,
    memory: { now: 946_176, peak: 1_888_256 },
    swap: { now: 4096, peak: 0 },
  })
})

test('swap that a version 1 kernel does not count is none', () => {
  const {
    'memory/c1/memory.memsw.usage_in_bytes': _,
    'memory/c1/memory.memsw.max_usage_in_bytes': __,
    ...rest
  } = version1
  assert.deepEqual(usageOf(rest, groups1).swap, { now: 0, peak: 0 })
})

test('usage is read from version 2 groups', () => {
  const files = {
    'c1/memory.current': '4096000\n',
    'c1/memory.peak': '8192000\n',
    'c1/memory.swap.current': '12288\n',
    'c1/memory.swap.peak': '16384\n',
    'c1/cpu.stat': 'usage_usec 18738\nuser_usec 9000\nsystem_usec 9738\n',
    'c1/pids.current': '7\n',
  }
  const names = ['unified', 'memory', 'cpu', 'pids']
  assert.deepEqual(usageOf(files, Object.fromEntries(names.map((name) => [name, 'c1']))), {
    cpu: 18_738_000,
    processes: 7,
    memory: { now: 4_096_000, peak: 8_192_000 },
    swap: { now: 12_288, peak: 16_384 },
  })
})

test('with both versions each controller is read where it is', () => {
  const files = {
    'memory/c1/memory.usage_in_bytes': '1000\n',
    'unified/c1/memory.current': '5000\n',
    'unified/c1/cpu.stat': 'usage_usec 3\n',
    'unified/c1/pids.current': '2\n',
  }
  const usage = usageOf(files, { memory: 'memory/c1', unified: 'unified/c1', pids: 'unified/c1' })
  assert.equal(usage.memory.now, 1000)
  assert.equal(usage.cpu, 3000)
  assert.equal(usage.processes, 2)
})

test('what runs nowhere uses nothing, and nobody counted its processes', () => {
  assert.deepEqual(usageOf({}, {}), {
    cpu: 0,
    processes: undefined,
    memory: { now: 0, peak: 0 },
    swap: { now: 0, peak: 0 },
  })
})
