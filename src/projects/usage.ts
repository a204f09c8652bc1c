import { parseSize } from '#base/size.ts'

/** An instance as far as it counts: its kind, and its configuration with profiles expanded. */
export interface CountedInstance {
  readonly type: 'container' | 'virtual-machine'
  readonly config: Readonly<Record<string, string>>
  readonly devices: Readonly<Record<string, Readonly<Record<string, string>>>>
}

/** What instances and networks come to, under LXD's names of the resources. What has no limit counts as nothing. */
export function usageOf(instances: readonly CountedInstance[], networks: number): Readonly<Record<string, number>> {
  const sum = (count: (instance: CountedInstance) => number) =>
    instances.reduce((total, instance) => total + count(instance), 0)
  return {
    containers: sum(({ type }) => (type === 'container' ? 1 : 0)),
    cpu: sum(({ config }) => countCpus(config['limits.cpu'] ?? '')),
    disk: sum(({ devices }) => rootSize(devices)),
    instances: instances.length,
    memory: sum(({ config }) => bytes(config['limits.memory'] ?? '')),
    networks,
    processes: sum(({ config }) => Number(config['limits.processes'] || '0')),
    'virtual-machines': sum(({ type }) => (type === 'virtual-machine' ? 1 : 0)),
  }
}

/** How many CPUs `limits.cpu` gives: a number of them, or a set such as `0-3,6`. */
function countCpus(text: string): number {
  if (text === '') return 0
  if (/^\d+$/.test(text)) return Number(text)
  return text.split(',').reduce((total, part) => {
    const [first = 0, last = first] = part.split('-').map(Number)
    return total + last - first + 1
  }, 0)
}

function rootSize(devices: CountedInstance['devices']): number {
  const root = Object.values(devices).find((device) => device['type'] === 'disk' && device['path'] === '/')
  return bytes(root?.['size'] ?? '')
}

/** A share of the host's memory (`50%`) is no amount that could be added up. */
function bytes(text: string): number {
  return text === '' || text.endsWith('%') ? 0 : parseSize(text)
}
