import assert from 'node:assert/strict'
import { test } from 'node:test'
import { checkConfig } from '#config/config.ts'
import { fakeContext } from '../fake-context.ts'
import { memory } from './memory.ts'

type Options = Parameters<typeof fakeContext>[1]

function live(config: Readonly<Record<string, string>>, options?: Options): string[] {
  return memory.cgroup(fakeContext(config, options)).map(({ item, value }) => `${item} ${value}`)
}

function atStart(config: Readonly<Record<string, string>>, options?: Options): string[] {
  const settings = memory.cgroup(fakeContext(config, options)).filter(({ fresh }) => fresh !== true)
  return settings.map(({ item, value }) => `${item} ${value}`)
}

test('nothing is set at start where nothing is asked for', () => {
  for (const version of [1, 2] as const) assert.deepEqual(atStart({}, { version }), [])
})

test('limits at start, by version', () => {
  const cases: readonly (readonly [Readonly<Record<string, string>>, readonly string[], readonly string[]])[] = [
    [
      { 'limits.memory': '64MiB' },
      ['memory.limit_in_bytes 67108864', 'memory.memsw.limit_in_bytes 67108864', 'memory.soft_limit_in_bytes 60397977'],
      ['memory.max 67108864'],
    ],
    [
      { 'limits.memory': '10%' },
      [
        'memory.limit_in_bytes 104857600',
        'memory.memsw.limit_in_bytes 104857600',
        'memory.soft_limit_in_bytes 94371840',
      ],
      ['memory.max 104857600'],
    ],
    [
      { 'limits.memory': '64MiB', 'limits.memory.enforce': 'soft' },
      ['memory.soft_limit_in_bytes 67108864'],
      ['memory.high 67108864'],
    ],
    [{ 'limits.memory.swap': 'false' }, ['memory.swappiness 0'], ['memory.swap.max 0']],
    [{ 'limits.memory.swap.priority': '3' }, ['memory.swappiness 67'], []],
  ]
  for (const [config, first, second] of cases) {
    assert.deepEqual(atStart(config, { version: 1 }), first)
    assert.deepEqual(atStart(config, { version: 2 }), second)
  }
})

test('a limit is raised and lowered in an order that the kernel takes', () => {
  assert.deepEqual(live({ 'limits.memory': '64MiB' }, { version: 1 }).slice(0, 3), [
    'memory.memsw.limit_in_bytes -1',
    'memory.limit_in_bytes 67108864',
    'memory.memsw.limit_in_bytes 67108864',
  ])
})

test('taking every key away takes every limit away', () => {
  assert.deepEqual(live({}, { version: 2 }), ['memory.max max', 'memory.high max', 'memory.swap.max max'])
  assert.deepEqual(live({}, { version: 1 }), [
    'memory.memsw.limit_in_bytes -1',
    'memory.limit_in_bytes -1',
    'memory.soft_limit_in_bytes -1',
    'memory.swappiness 60',
  ])
})

test('swap is left alone where the kernel does not count it', () => {
  const host = { swapAccounting: false }
  for (const version of [1, 2] as const) {
    const items = live({ 'limits.memory': '64MiB', 'limits.memory.swap': 'false' }, { version, host })
    assert.ok(!items.some((item) => /memsw|swap\.max/.test(item)))
  }
})

test('what is no memory limit is refused with what was expected', () => {
  const cases: readonly (readonly [string, string, RegExp])[] = [
    ['limits.memory', '0', /above 0/],
    ['limits.memory', '-5MiB', /limits.memory/],
    ['limits.memory', '0%', /a percentage from 1% to 100%/],
    ['limits.memory', '101%', /a percentage from 1% to 100%/],
    ['limits.memory', 'much', /limits.memory/],
    ['limits.memory.enforce', 'firm', /one of hard, soft/],
    ['limits.memory.swap', 'maybe', /true or false/],
    ['limits.memory.swap.priority', '11', /from 0 to 10/],
  ]
  for (const [key, value, message] of cases) {
    assert.throws(() => checkConfig('instance', memory.keys, { [key]: value }), message)
  }
})

test('a limit that nothing on the host can hold is refused', () => {
  const none = { host: { cgroups: new Map() } }
  assert.deepEqual(live({}, none), [])
  assert.throws(
    () => live({ 'limits.memory': '1GiB' }, none),
    /Cannot apply "limits.memory": this host has no "memory"/,
  )
})
