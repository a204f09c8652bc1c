import { formatBytes } from '../format.ts'

/** The parts of `GET /1.0/resources` that are shown; sizes are in bytes. */
export interface Resources {
  readonly cpu: { readonly architecture: string; readonly sockets: readonly Socket[] | null }
  readonly memory: {
    readonly used: number
    readonly total: number
    readonly hugepages_total: number
    readonly hugepages_used: number
    readonly nodes: readonly MemoryNode[] | null
  }
  readonly gpu: { readonly cards: readonly Card[] | null }
  readonly network: { readonly cards: readonly Card[] | null }
  readonly storage: { readonly disks: readonly Disk[] | null }
}

interface Socket {
  readonly name?: string
  readonly vendor?: string
  readonly cache?: readonly { readonly level: number; readonly type: string; readonly size: number }[] | null
  readonly cores: readonly Core[] | null
  readonly socket: number
  readonly frequency?: number
  readonly frequency_minimum?: number
  readonly frequency_turbo?: number
}

interface Core {
  readonly core: number
  readonly frequency?: number
  readonly threads:
    | readonly { readonly thread: number; readonly id: number; readonly online: boolean; readonly numa_node: number }[]
    | null
}

interface MemoryNode {
  readonly numa_node: number
  readonly used: number
  readonly total: number
  readonly hugepages_total: number
  readonly hugepages_used: number
}

interface Card {
  readonly numa_node: number
  readonly vendor?: string
  readonly vendor_id?: string
  readonly product?: string
  readonly product_id?: string
  readonly pci_address?: string
  readonly driver?: string
  readonly driver_version?: string
  readonly ports?: readonly Port[] | null
}

interface Port {
  readonly port: number
  readonly protocol: string
  readonly id: string
  readonly address?: string
  readonly auto_negotiation?: boolean
}

interface Disk {
  readonly numa_node: number
  readonly id: string
  readonly device: string
  readonly model?: string
  readonly type?: string
  readonly size: number
  readonly wwn?: string
  readonly read_only: boolean
  readonly removable: boolean
  readonly partitions?: readonly Partition[] | null
}

interface Partition {
  readonly partition: number
  readonly id: string
  readonly device: string
  readonly read_only: boolean
  readonly size: number
}

/** What `info --resources` prints. */
export function describeResources({ cpu, memory, gpu, network, storage }: Resources): string {
  const parts = [
    several(['CPU', 'CPUs', 'Socket'], cpu.sockets ?? [], socketLines, ` (${cpu.architecture})`),
    memoryLines(memory),
    several(['GPU', 'GPUs', 'Card'], gpu.cards ?? [], cardLines),
    several(['NIC', 'NICs', 'Card'], network.cards ?? [], cardLines),
    several(['Disk', 'Disks', 'Disk'], storage.disks ?? [], diskLines),
  ]
  return parts
    .filter((lines) => lines.length > 0)
    .map((lines) => `${lines.join('\n')}\n`)
    .join('\n')
}

/** One thing under its name; several numbered under their common one. */
function several<T>(
  [one, many, each]: readonly [one: string, many: string, each: string],
  things: readonly T[],
  describe: (thing: T) => readonly string[],
  suffix = '',
): string[] {
  if (things.length === 0) return []
  if (things.length === 1) return [`${one}${suffix}:`, ...indent(describe(things[0]!))]
  const all = things.flatMap((thing, index) => [`${each} ${index}:`, ...indent(describe(thing))])
  return [`${many}${suffix}:`, ...indent(all)]
}

function indent(lines: readonly string[]): string[] {
  return lines.map((line) => `  ${line}`)
}

function line(what: string, value: string | undefined): string[] {
  return value === undefined || value === '' ? [] : [`${what}: ${value}`]
}

function socketLines({ vendor, name, cache, cores, frequency, ...limits }: Socket): string[] {
  const { frequency_minimum: least = 0, frequency_turbo: most = 0 } = limits
  const range = least > 0 && most > 0 ? ` (min: ${least}Mhz, max: ${most}Mhz)` : ''
  return [
    ...line('Vendor', vendor),
    ...line('Name', name),
    ...((cache?.length ?? 0) > 0 ? ['Caches:'] : []),
    ...(cache ?? []).map(({ level, type, size }) => `  - Level ${level} (type: ${type}): ${formatBytes(size, 0)}`),
    'Cores:',
    ...(cores ?? []).flatMap(coreLines),
    ...(frequency ? [`Frequency: ${frequency}Mhz${range}`] : []),
  ]
}

function coreLines({ core, frequency = 0, threads }: Core): string[] {
  return [
    `  - Core ${core}`,
    `    Frequency: ${frequency}Mhz`,
    '    Threads:',
    ...(threads ?? []).map(
      ({ thread, id, online, numa_node }) =>
        `      - ${thread} (id: ${id}, online: ${online}, NUMA node: ${numa_node})`,
    ),
  ]
}

function memoryLines(memory: Resources['memory']): string[] {
  const nodes = memory.nodes ?? []
  return [
    'Memory:',
    ...hugepageLines(memory),
    ...(nodes.length > 1
      ? ['  NUMA nodes:', ...nodes.flatMap((node) => [`    Node ${node.numa_node}:`, ...indent(indent(amounts(node)))])]
      : []),
    ...amounts(memory),
  ]
}

function hugepageLines({ hugepages_total: total, hugepages_used: used }: Resources['memory'] | MemoryNode): string[] {
  if (total === 0) return []
  return ['  Hugepages:', ...indent(amounts({ used, total }))]
}

function amounts({ used, total }: { readonly used: number; readonly total: number }): string[] {
  return [`  Free: ${formatBytes(total - used)}`, `  Used: ${formatBytes(used)}`, `  Total: ${formatBytes(total)}`]
}

function cardLines(card: Card): string[] {
  const ports = card.ports ?? []
  return [
    `NUMA node: ${card.numa_node}`,
    ...line('Vendor', card.vendor && `${card.vendor} (${card.vendor_id ?? ''})`),
    ...line('Product', card.product && `${card.product} (${card.product_id ?? ''})`),
    ...line('PCI address', card.pci_address),
    ...line('Driver', card.driver && `${card.driver} (${card.driver_version ?? ''})`),
    ...(ports.length > 0 ? ['Ports:', ...ports.flatMap(portLines)] : []),
  ]
}

function portLines({ port, protocol, id, address, auto_negotiation }: Port): string[] {
  return [
    `  - Port ${port} (${protocol})`,
    `    ID: ${id}`,
    ...line('    Address', address),
    `    Auto negotiation: ${auto_negotiation ?? false}`,
  ]
}

function diskLines(disk: Disk): string[] {
  const partitions = disk.partitions ?? []
  return [
    `NUMA node: ${disk.numa_node}`,
    `ID: ${disk.id}`,
    `Device: ${disk.device}`,
    ...line('Model', disk.model),
    ...line('Type', disk.type),
    `Size: ${formatBytes(disk.size)}`,
    ...line('WWN', disk.wwn),
    `Read-Only: ${disk.read_only}`,
    `Removable: ${disk.removable}`,
    ...(partitions.length > 0 ? ['Partitions:', ...partitions.flatMap(partitionLines)] : []),
  ]
}

function partitionLines({ partition, id, device, read_only, size }: Partition): string[] {
  return [
    `  - Partition ${partition}`,
    `    ID: ${id}`,
    `    Device: ${device}`,
    `    Read-Only: ${read_only}`,
    `    Size: ${formatBytes(size)}`,
  ]
}
