import { parseSize } from '#base/size.ts'
import { bool, choice, integer, keyType } from '#config/key.ts'
import { defineFeature, requireController } from '../feature.ts'
import type { CgroupSetting, FeatureContext } from '../feature.ts'

/** A number of bytes, or a share of the host's memory. */
type Amount = { readonly bytes: number } | { readonly percent: number }

const amount = keyType('size or percentage', (text): Amount => {
  const percent = /^(\d{1,3})%$/.exec(text)
  const value = percent ? { percent: Number(percent[1]) } : { bytes: parseSize(text) }
  const number = 'percent' in value ? value.percent : value.bytes
  if (number <= 0 || ('percent' in value && number > 100)) {
    throw new Error(`Invalid amount of memory "${text}": expected a size above 0 or a percentage from 1% to 100%`)
  }
  return value
})

/** How much memory an instance may use. */
export const memory = defineFeature({
  keys: {
    'limits.memory': amount({
      doc: `Memory the instance may use: a size such as \`512MiB\`, or a percentage of the host's.

What it counts is the memory of its processes and the file cache they fill.`,
      live: true,
      risk: 'safe',
    }),
    'limits.memory.enforce': choice(['hard', 'soft'], {
      doc: `Whether the limit holds always (\`hard\`), or only when the host runs short of memory (\`soft\`).`,
      default: 'hard',
      live: true,
      risk: 'safe',
    }),
    'limits.memory.swap': bool({
      doc: `Whether the instance's memory may be swapped out.`,
      default: 'true',
      live: true,
      risk: 'safe',
    }),
    'limits.memory.swap.priority': integer({
      doc: `How early the instance's memory is swapped out: the higher, the later.

Of effect on hosts with version 1 control groups only.`,
      default: '10',
      min: 0,
      max: 10,
      live: true,
      risk: 'safe',
    }),
  },

  cgroup(values, context) {
    const wanted = values['limits.memory']
    const bytes =
      wanted && ('bytes' in wanted ? wanted.bytes : Math.floor((context.host.memory * wanted.percent) / 100))
    const limits: Limits = {
      bytes,
      hard: values['limits.memory.enforce'] === 'hard',
      swap: values['limits.memory.swap'],
      priority: values['limits.memory.swap.priority'],
    }
    if (bytes !== undefined) requireController(context, controller, 'limits.memory')
    const version = context.host.cgroups.get(controller)
    if (version === undefined) return []
    return version === 2 ? version2(limits, context) : version1(limits, context)
  },
})

interface Limits {
  readonly bytes: number | undefined
  readonly hard: boolean
  readonly swap: boolean
  readonly priority: number
}

const controller = 'memory'

function version1({ bytes, hard, swap, priority }: Limits, { host }: FeatureContext): CgroupSetting[] {
  const set = (item: string, value: number, fresh: boolean) => ({ controller, item, value: String(value), fresh })
  const hardBytes = hard ? bytes : undefined
  // A new control group has 60; priority 10 leaves it at that, and a lower one has more of it swapped.
  const swappiness = swap ? 70 - priority : 0
  return [
    // Memory and swap together can not be less than memory: the way has to be clear before either changes.
    ...(host.swapAccounting ? [set('memory.memsw.limit_in_bytes', -1, true)] : []),
    set('memory.limit_in_bytes', hardBytes ?? -1, hardBytes === undefined),
    ...(host.swapAccounting && hardBytes !== undefined ? [set('memory.memsw.limit_in_bytes', hardBytes, false)] : []),
    // Under a hard limit the last tenth is given up first when the host runs short.
    set(
      'memory.soft_limit_in_bytes',
      bytes === undefined ? -1 : hard ? Math.floor(bytes * 0.9) : bytes,
      bytes === undefined,
    ),
    set('memory.swappiness', swappiness, swappiness === 60),
  ]
}

function version2({ bytes, hard, swap }: Limits, { host }: FeatureContext): CgroupSetting[] {
  const set = (item: string, value: number | undefined): CgroupSetting => ({
    controller,
    item,
    value: String(value ?? 'max'),
    fresh: value === undefined,
  })
  return [
    set('memory.max', hard ? bytes : undefined),
    set('memory.high', hard ? undefined : bytes),
    ...(host.swapAccounting ? [set('memory.swap.max', swap ? undefined : 0)] : []),
  ]
}
