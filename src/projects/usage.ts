import { parseSize } from '#base/size.ts'

/** An instance as far as it counts: its kind, and its configuration with profiles expanded. */
export interface CountedInstance {
  readonly type: 'container' | 'virtual-machine'
  readonly config: Readonly<Record<string, string>>
  readonly devices: Readonly<Record<string, Readonly<Record<string, string>>>>
}

/** What is in a project, as far as it counts. */
export interface Counted {
  readonly instances: readonly CountedInstance[]
  readonly networks: number
  /** Bytes of the files of its images. */
  readonly images: number
}

/** What counts in a project, under LXD's names. */
export const resources = [
  'containers',
  'cpu',
  'disk',
  'instances',
  'memory',
  'networks',
  'processes',
  'virtual-machines',
] as const

export type Resource = (typeof resources)[number]

/** Resources that each instance has an amount of by its configuration, rather than by being there. */
export type SharedResource = 'cpu' | 'disk' | 'memory' | 'processes'

/** How much of a resource an instance may take: a number, or why it can not be told. */
type Amount = number | 'unset' | 'relative'

/** What a project comes to. An instance that sets itself no limit counts as nothing. */
export function usageOf({ instances, networks, images }: Counted): Readonly<Record<Resource, number>> {
  const count = (type: CountedInstance['type']) => instances.filter((one) => one.type === type).length
  const sum = (resource: SharedResource) =>
    instances.reduce((total, instance) => {
      const amount = amountOf(instance, resource)
      return total + (typeof amount === 'number' ? amount : resource === 'cpu' ? countCpus(instance) : 0)
    }, 0)
  return {
    containers: count('container'),
    cpu: sum('cpu'),
    disk: sum('disk') + images,
    instances: instances.length,
    memory: sum('memory'),
    networks,
    processes: sum('processes'),
    'virtual-machines': count('virtual-machine'),
  }
}

/** How much of a resource an instance is configured to take at most. */
export function amountOf({ config, devices }: CountedInstance, resource: SharedResource): Amount {
  if (resource === 'disk') {
    const root = Object.values(devices).find((device) => device['type'] === 'disk' && device['path'] === '/')
    return root?.['size'] ? parseSize(root['size']) : 'unset'
  }
  const text = config[`limits.${resource}`] ?? ''
  if (text === '') return 'unset'
  if (resource === 'memory') return text.endsWith('%') ? 'relative' : parseSize(text)
  return /^\d+$/.test(text) ? Number(text) : 'relative'
}

/** How many CPUs a set such as `0-3,6` in `limits.cpu` has. */
function countCpus({ config }: CountedInstance): number {
  const text = config['limits.cpu'] ?? ''
  if (text === '') return 0
  return text.split(',').reduce((total, part) => {
    const [first = 0, last = first] = part.split('-').map(Number)
    return total + last - first + 1
  }, 0)
}
