import type { ResourcesMemory } from '#schema/resources.ts'
import type { Machine } from './machine.ts'

type Node = NonNullable<ResourcesMemory['nodes']>[number]

/** Reads how much memory there is and how much of it is in use, in all and by NUMA node. */
export async function readMemory(machine: Machine): Promise<ResourcesMemory> {
  const { sysfs } = machine
  const folder = '/sys/devices/system/node'
  const names = (await sysfs.list(folder)).filter((name) => /^node\d+$/.test(name))
  const [info, installed, nodes] = await Promise.all([
    sysfs.text('/proc/meminfo'),
    readInstalled(machine, '/sys/devices/system/memory'),
    Promise.all(names.map((name) => readNode(machine, Number(name.slice(4))))),
  ])
  const fields = parseMeminfo(info ?? '')
  const size = fields.get('Hugepagesize') ?? 0
  return {
    ...(nodes.length > 0 ? { nodes } : {}),
    ...hugepages(fields, size),
    hugepages_size: size,
    used: (fields.get('MemTotal') ?? 0) - (fields.get('MemAvailable') ?? fields.get('MemFree') ?? 0),
    total: installed || (fields.get('MemTotal') ?? 0),
  }
}

async function readNode(machine: Machine, node: number): Promise<Node> {
  const { sysfs } = machine
  const path = `/sys/devices/system/node/node${node}`
  const [info, common, installed] = await Promise.all([
    sysfs.text(`${path}/meminfo`),
    sysfs.text('/proc/meminfo'),
    readInstalled(machine, path),
  ])
  const fields = parseMeminfo((info ?? '').replaceAll(/^Node \d+ /gm, ''))
  const total = fields.get('MemTotal') ?? 0
  // What the node holds of files can be given back at any time.
  const free = (fields.get('MemFree') ?? 0) + (fields.get('FilePages') ?? 0) + (fields.get('SReclaimable') ?? 0)
  return {
    numa_node: node,
    ...hugepages(fields, parseMeminfo(common ?? '').get('Hugepagesize') ?? 0),
    used: Math.max(0, total - free),
    total: installed || total,
  }
}

/** The bytes of the memory blocks below a folder that are in operation: more than the kernel leaves to others. */
async function readInstalled({ sysfs }: Machine, folder: string): Promise<number> {
  const [size, names] = await Promise.all([
    sysfs.text('/sys/devices/system/memory/block_size_bytes'),
    sysfs.list(folder),
  ])
  const blocks = names.filter((name) => /^memory\d+$/.test(name))
  const states = await Promise.all(blocks.map((name) => sysfs.number(`${folder}/${name}/online`)))
  return Number.parseInt(size ?? '0', 16) * states.filter((online) => online === 1).length
}

function hugepages(fields: ReadonlyMap<string, number>, size: number) {
  const total = fields.get('HugePages_Total') ?? 0
  const free = fields.get('HugePages_Free') ?? 0
  return { hugepages_total: total * size, hugepages_used: (total - free) * size }
}

/** The fields of a meminfo file: bytes where a line says kB, else plain numbers. */
export function parseMeminfo(text: string): ReadonlyMap<string, number> {
  const lines = text.matchAll(/^([\w()]+):\s+(\d+)( kB)?$/gm)
  return new Map([...lines].map(([, name = '', value, unit]) => [name, Number(value) * (unit ? 1024 : 1)]))
}
