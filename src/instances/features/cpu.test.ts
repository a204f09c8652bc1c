import assert from 'node:assert/strict'
import { test } from 'node:test'
import { checkConfig } from '#config/config.ts'
import { fakeContext } from '../fake-context.ts'
import { cpu } from './cpu.ts'

type Options = Parameters<typeof fakeContext>[1]

/** What a running instance's groups are to hold, `fresh` or not, in order. */
function live(config: Readonly<Record<string, string>>, options?: Options): string[] {
  return cpu.cgroup(fakeContext(config, options)).map(({ item, value }) => `${item} ${value}`)
}

/** What a new group is to get. */
function atStart(config: Readonly<Record<string, string>>, options?: Options): string[] {
  const settings = cpu.cgroup(fakeContext(config, options)).filter(({ fresh }) => fresh !== true)
  return settings.map(({ item, value }) => `${item} ${value}`)
}

test('nothing is set at start where nothing is asked for', () => {
  for (const version of [1, 2] as const) assert.deepEqual(atStart({}, { version }), [])
})

test('taking every key away gives all back', () => {
  assert.deepEqual(live({}, { version: 2 }), ['cpuset.cpus 0,1,2,3', 'cpu.weight 100', 'cpu.max max 100000'])
  assert.deepEqual(live({}, { version: 1 }), [
    'cpuset.cpus 0,1,2,3',
    'cpu.shares 1024',
    'cpu.cfs_quota_us -1',
    'cpu.cfs_period_us 100000',
  ])
})

test('a count is given the least used CPUs', () => {
  const cases: readonly (readonly [string, Readonly<Record<number, number>>, string])[] = [
    ['1', {}, '0'],
    ['1', { 0: 1 }, '1'],
    ['2', { 0: 1, 2: 3 }, '1,3'],
    ['2', { 0: 2, 1: 2, 2: 2, 3: 1 }, '0,3'],
    ['4', { 0: 9 }, '0,1,2,3'],
    ['9', {}, '0,1,2,3'],
  ]
  for (const [count, pins, chosen] of cases) {
    assert.deepEqual(atStart({ 'limits.cpu': count }, { pins }), [`cpuset.cpus ${chosen}`])
  }
})

test('a set is taken as it is, as far as the host has it', () => {
  const cases = [
    ['0-0', '0'],
    ['1,3', '1,3'],
    ['1-2,0', '1,2,0'],
    ['2-9', '2,3'],
  ] as const
  for (const [set, chosen] of cases) assert.deepEqual(atStart({ 'limits.cpu': set }), [`cpuset.cpus ${chosen}`])
  assert.throws(() => atStart({ 'limits.cpu': '7-8' }), /"limits.cpu": none of CPU 7, 8 is among CPU 0, 1, 2, 3/)
})

test('an allowance is a share, or a part of a time', () => {
  const cases: readonly (readonly [string, readonly string[], readonly string[]])[] = [
    ['50%', ['cpu.shares 512'], ['cpu.weight 50']],
    ['300%', ['cpu.shares 3072'], ['cpu.weight 300']],
    ['25ms/100ms', ['cpu.cfs_period_us 100000', 'cpu.cfs_quota_us 25000'], ['cpu.max 25000 100000']],
    ['200ms/100ms', ['cpu.cfs_period_us 100000', 'cpu.cfs_quota_us 200000'], ['cpu.max 200000 100000']],
  ]
  for (const [allowance, first, second] of cases) {
    const config = { 'limits.cpu.allowance': allowance }
    assert.deepEqual(atStart(config, { version: 1 }), first)
    assert.deepEqual(atStart(config, { version: 2 }), second)
  }
  // The kernel refuses a period that an old quota does not fit into.
  assert.deepEqual(live({ 'limits.cpu.allowance': '5ms/10ms' }, { version: 1 }).slice(2), [
    'cpu.cfs_quota_us -1',
    'cpu.cfs_period_us 10000',
    'cpu.cfs_quota_us 5000',
  ])
})

test('a lower priority takes a little of the share, as in LXD', () => {
  assert.deepEqual(atStart({ 'limits.cpu.priority': '3' }, { version: 1 }), ['cpu.shares 1017'])
  assert.deepEqual(atStart({ 'limits.cpu.priority': '0', 'limits.cpu.allowance': '1%' }), ['cpu.weight 1'])
})

test('what is no CPU limit is refused with what was expected', () => {
  const cases: readonly (readonly [string, string, RegExp])[] = [
    ['limits.cpu', '0', /a number of CPUs such as 2/],
    ['limits.cpu', '-1', /a number of CPUs such as 2/],
    ['limits.cpu', '1-', /a set of them such as/],
    ['limits.cpu', '3-1', /the range 3-1 ends before it starts/],
    ['limits.cpu', '0-1,1-1', /a CPU is in it twice/],
    ['limits.cpu', '0\n1', /expected/],
    ['limits.cpu.allowance', '0%', /a percentage such as 50%/],
    ['limits.cpu.allowance', '10001%', /a percentage such as 50%/],
    ['limits.cpu.allowance', '25ms', /a time such as 25ms\/100ms/],
    ['limits.cpu.allowance', '25ms/0ms', /a time such as 25ms\/100ms/],
    ['limits.cpu.allowance', '25ms/2000ms', /a time such as 25ms\/100ms/],
    ['limits.cpu.priority', '11', /from 0 to 10/],
  ]
  for (const [key, value, message] of cases) {
    assert.throws(() => checkConfig('instance', cpu.keys, { [key]: value }), message)
  }
})

test('a limit that nothing on the host can hold is refused', () => {
  const host = { cgroups: new Map() }
  assert.deepEqual(live({}, { host }), [])
  for (const [key, value] of [
    ['limits.cpu', '1'],
    ['limits.cpu.allowance', '50%'],
    ['limits.cpu.priority', '1'],
  ] as const) {
    assert.throws(() => live({ [key]: value }, { host }), new RegExp(`Cannot apply "${key}": this host has no`))
  }
})
