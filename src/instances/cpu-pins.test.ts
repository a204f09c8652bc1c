import assert from 'node:assert/strict'
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import type { RuntimeStatus } from '#lxc/runtime.ts'
import type { InstanceRecord } from '#store/instance-record.ts'
import type { Expanded } from './commit.ts'
import { CpuPins } from './cpu-pins.ts'

interface Made {
  readonly status?: RuntimeStatus
  readonly limit?: string
  /** What the kernel says; none where it has no control group yet. */
  readonly cpus?: string
}

function withPins(
  made: Readonly<Record<string, Made>>,
  work: (pins: CpuPins, expand: (name: string) => Expanded) => void,
) {
  const base = mkdtempSync(join(tmpdir(), 'cpu-pins-'))
  const expand = (record: Pick<InstanceRecord, 'project' | 'name'>) => {
    const limit = made[record.name]?.limit
    return { record, config: limit === undefined ? {} : { 'limits.cpu': limit }, devices: {} } as unknown as Expanded
  }
  const records = Object.keys(made).map((name) => ({ project: 'default', name }) as InstanceRecord)
  try {
    for (const [name, { cpus }] of Object.entries(made)) {
      if (cpus === undefined) continue
      mkdirSync(join(base, name))
      writeFileSync(join(base, name, 'cpuset.cpus'), `${cpus}\n`)
    }
    const pins = new CpuPins({
      commit: { list: () => records, expand },
      runtime: {
        status: (name) => made[name]?.status ?? 'running',
        cgroups: (name) => new Map(made[name]?.cpus === undefined ? [] : [['cpuset', join(base, name)]]),
      },
    })
    work(pins, (name) => expand({ project: 'default', name }))
  } finally {
    rmSync(base, { recursive: true })
  }
}

test('running instances with a limit are counted, on the CPUs they really have', () => {
  const made = {
    c1: { limit: '1', cpus: '0' },
    c2: { limit: '2', cpus: '0-1' },
    c3: { limit: '3-3', cpus: '3' },
    free: { cpus: '0-3' },
    gone: { limit: '1', status: 'stopped' },
  } as const
  withPins(made, (pins, expand) => {
    assert.deepEqual(
      [...pins.besides(expand('c1'))],
      [
        [0, 1],
        [1, 1],
        [3, 1],
      ],
    )
    assert.deepEqual([...pins.besides(expand('free'))], [], 'nobody who has no limit needs to know')
  })
})

test('those that are just starting count with what they were given', () => {
  const made = { c1: { limit: '1' }, c2: { limit: '1', status: 'starting' } } as const
  withPins(made, (pins, expand) => {
    assert.deepEqual([...pins.besides(expand('c1'))], [])
    pins.note(expand('c2'), [['lxc.cgroup.cpuset.cpus', '1']])
    assert.deepEqual([...pins.besides(expand('c1'))], [[1, 1]])
    pins.note(expand('c2'), [['lxc.uts.name', 'c2']])
    assert.deepEqual([...pins.besides(expand('c1'))], [])
  })
})
