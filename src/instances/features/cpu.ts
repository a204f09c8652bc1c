import { badRequest } from '#base/failure.ts'
import { integer, keyType } from '#config/key.ts'
import { defineFeature, requireController } from '../feature.ts'
import type { CgroupSetting, FeatureContext } from '../feature.ts'

/** A number of CPUs, or which. */
type Cpus = { readonly count: number } | { readonly set: readonly number[] }

const cpus = keyType('CPU count or set', (text): Cpus => {
  if (/^\d{1,4}$/.test(text) && Number(text) > 0) return { count: Number(text) }
  // A single CPU is written as a range, such as 2-2: a number alone is a count.
  if (!/^\d{1,4}(-\d{1,4})?(,\d{1,4}(-\d{1,4})?)*$/.test(text) || text === '0') {
    throw new Error(
      `Invalid value "${text}": expected a number of CPUs such as 2, or a set of them such as 0-3,6 or 1-1`,
    )
  }
  const set = text.split(',').flatMap((part) => {
    const [first = 0, last = first] = part.split('-').map(Number)
    if (last < first) throw new Error(`Invalid value "${text}": the range ${part} ends before it starts`)
    return Array.from({ length: last - first + 1 }, (_, index) => first + index)
  })
  if (new Set(set).size < set.length) throw new Error(`Invalid value "${text}": a CPU is in it twice`)
  return { set }
})

/** A share of the time when others want it too, or a part of each span of time whoever wants it. */
type Allowance = { readonly percent: number } | { readonly quota: number; readonly period: number }

const allowance = keyType('CPU allowance', (text): Allowance => {
  const percent = Number(/^(\d{1,5})%$/.exec(text)?.[1] ?? '0')
  // The kernel takes weights of up to 100 times the usual one.
  if (percent > 0 && percent <= 10_000) return { percent }
  const [, quota = '', period = ''] = /^(\d{1,6})ms\/(\d{1,6})ms$/.exec(text) ?? []
  // The kernel takes periods up to a second, and quotas from a millisecond.
  if (Number(quota) > 0 && Number(period) > 0 && Number(period) <= 1000) {
    return { quota: Number(quota) * 1000, period: Number(period) * 1000 }
  }
  throw new Error(`Invalid value "${text}": expected a percentage such as 50%, or a time such as 25ms/100ms`)
})

/** Which CPUs an instance runs on, and how much of their time it gets. */
export const cpu = defineFeature({
  keys: {
    'limits.cpu': cpus({
      doc: `CPUs the instance may use: how many, or which.

A number such as \`2\` gives it that many, chosen by the daemon among the least used. A set such as \`0-3,6\` pins it to
these; a set of one is written \`1-1\`.`,
      live: true,
      risk: 'safe',
    }),
    'limits.cpu.allowance': allowance({
      doc: `How much of the CPUs' time the instance gets.

A percentage is a share, of effect while other instances want the CPUs as well; 200% is twice the usual one. A time such as \`25ms/100ms\` is a limit
that always holds.`,
      default: '100%',
      live: true,
      risk: 'safe',
    }),
    'limits.cpu.priority': integer({
      doc: 'Who goes first among instances with the same allowance: the one with the highest number.',
      default: '10',
      min: 0,
      max: 10,
      live: true,
      risk: 'safe',
    }),
  },

  cgroup(values, context) {
    return [
      ...cpuSet(values['limits.cpu'], context),
      ...shares(values['limits.cpu.allowance'], values['limits.cpu.priority'], context),
    ]
  },
})

function cpuSet(wanted: Cpus | undefined, context: FeatureContext): CgroupSetting[] {
  const { host, pins } = context
  if (wanted !== undefined) requireController(context, 'cpuset', 'limits.cpu')
  if (!host.cgroups.has('cpuset') || host.cpus.length === 0) return []
  const chosen = wanted === undefined ? host.cpus : chooseCpus(wanted, host.cpus, pins)
  return [{ controller: 'cpuset', item: 'cpuset.cpus', value: chosen.join(','), fresh: wanted === undefined }]
}

/** The CPUs for an instance: those of a set that are there, or the least used ones. `pins` counts who is on each. */
export function chooseCpus(wanted: Cpus, there: readonly number[], pins: ReadonlyMap<number, number>): number[] {
  if ('set' in wanted) {
    const chosen = wanted.set.filter((one) => there.includes(one))
    if (chosen.length === 0) {
      throw badRequest(`Invalid "limits.cpu": none of CPU ${wanted.set.join(', ')} is among CPU ${there.join(', ')}`)
    }
    return chosen
  }
  const used = (one: number) => pins.get(one) ?? 0
  return there
    .toSorted((a, b) => used(a) - used(b) || a - b)
    .slice(0, wanted.count)
    .toSorted((a, b) => a - b)
}

const controller = 'cpu'

function shares(wanted: Allowance, priority: number, context: FeatureContext): CgroupSetting[] {
  const percent = 'percent' in wanted ? wanted.percent : 100
  const limited = 'quota' in wanted
  if (limited || percent !== 100) requireController(context, controller, 'limits.cpu.allowance')
  if (priority !== 10) requireController(context, controller, 'limits.cpu.priority')
  const version = context.host.cgroups.get(controller)
  if (version === undefined) return []
  const second = version === 2
  const full = second ? 100 : 1024
  const weight = Math.max(second ? 1 : 2, Math.floor((full * percent) / 100) - (10 - priority))
  const set = (item: string, value: string | number, fresh: boolean) => ({
    controller,
    item,
    value: String(value),
    fresh,
  })
  if (second) {
    return [
      set('cpu.weight', weight, weight === full),
      set('cpu.max', limited ? `${wanted.quota} ${wanted.period}` : 'max 100000', !limited),
    ]
  }
  return [
    set('cpu.shares', weight, weight === full),
    set('cpu.cfs_quota_us', -1, true),
    set('cpu.cfs_period_us', limited ? wanted.period : 100_000, !limited),
    ...(limited ? [set('cpu.cfs_quota_us', wanted.quota, false)] : []),
  ]
}
