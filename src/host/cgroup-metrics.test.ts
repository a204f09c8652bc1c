import assert from 'node:assert/strict'
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { test } from 'node:test'
import { readCgroupMetrics } from './cgroup-metrics.ts'

/** Reads from files made for it; `groups` names the directory of each controller. */
function metricsOf(files: Readonly<Record<string, string>>, groups: Readonly<Record<string, string>>) {
  const base = mkdtempSync(join(tmpdir(), 'cgroup-metrics-'))
  try {
    for (const [file, text] of Object.entries(files)) {
      mkdirSync(dirname(join(base, file)), { recursive: true })
      writeFileSync(join(base, file), text)
    }
    const found = Object.entries(groups).map(([name, path]): [string, string] => [name, join(base, path)])
    return readCgroupMetrics(new Map(found))
  } finally {
    rmSync(base, { recursive: true })
  }
}

const memory = {
  activeAnon: 1,
  activeFile: 2,
  inactiveAnon: 3,
  inactiveFile: 4,
  unevictable: 5,
  anonymous: 6,
  cached: 7,
  dirty: 8,
  mapped: 9,
  shared: 10,
  writeback: 11,
  swap: 12,
  used: 13,
  limit: 200,
}

test('version 1: processor by processor, with the groups below', () => {
  const found = metricsOf(
    {
      'cpuacct/cpuacct.usage_all': 'cpu user system\n0 1500000000 250000000\n1 0 20000000\n',
      'memory/memory.stat':
        'cache 0\ntotal_cache 7\ntotal_rss 6\ntotal_shmem 10\ntotal_mapped_file 9\ntotal_dirty 8\ntotal_writeback 11\ntotal_swap 12\ntotal_inactive_anon 3\ntotal_active_anon 1\ntotal_inactive_file 4\ntotal_active_file 2\ntotal_unevictable 5\n',
      'memory/memory.usage_in_bytes': '13\n',
      'memory/memory.limit_in_bytes': '200\n',
      'blkio/blkio.throttle.io_service_bytes': '8:0 Read 4096\n8:0 Write 512\n8:0 Sync 1\nTotal 4609\n',
      'blkio/blkio.throttle.io_serviced': '8:0 Read 2\n8:0 Write 1\nTotal 3\n',
    },
    { cpuacct: 'cpuacct', memory: 'memory', blkio: 'blkio', unified: 'unified' },
  )
  assert.deepEqual(found, {
    cpus: [
      { cpu: 0, user: 1.5, system: 0.25 },
      { cpu: 1, user: 0, system: 0.02 },
    ],
    disks: [{ device: '8:0', readBytes: 4096, writtenBytes: 512, reads: 2, writes: 1 }],
    memory,
  })
})

test('version 2: all processors together', () => {
  const found = metricsOf(
    {
      'c/cpu.stat': 'usage_usec 1750000\nuser_usec 1500000\nsystem_usec 250000\n',
      'c/memory.stat':
        'anon 6\nfile 7\nfile_mapped 9\nfile_dirty 8\nfile_writeback 11\nshmem 10\ninactive_anon 3\nactive_anon 1\ninactive_file 4\nactive_file 2\nunevictable 5\n',
      'c/memory.current': '13\n',
      'c/memory.max': '200\n',
      'c/memory.swap.current': '12\n',
      'c/io.stat': '8:0 rbytes=4096 wbytes=512 rios=2 wios=1 dbytes=0 dios=0\n',
    },
    { memory: 'c', io: 'c', unified: 'c' },
  )
  assert.deepEqual(found, {
    cpus: [{ cpu: 0, user: 1.5, system: 0.25 }],
    disks: [{ device: '8:0', readBytes: 4096, writtenBytes: 512, reads: 2, writes: 1 }],
    memory,
  })
})

test('no limit is none, and what is not counted is left out', () => {
  const unlimited = metricsOf({ 'c/memory.stat': 'anon 6\n', 'c/memory.max': 'max\n' }, { memory: 'c', unified: 'c' })
  assert.equal(unlimited.memory?.limit, undefined)
  const old = metricsOf(
    { 'm/memory.stat': 'total_rss 6\n', 'm/memory.limit_in_bytes': '9223372036854771712\n' },
    { memory: 'm' },
  )
  assert.equal(old.memory?.limit, undefined)
  assert.deepEqual(metricsOf({}, {}), { cpus: [], disks: [], memory: undefined })
})
