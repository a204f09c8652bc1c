import { machine as architecture } from 'node:os'
import type { ResourcesCpu } from '#schema/resources.ts'
import { parseNumberList } from './machine.ts'
import type { Machine } from './machine.ts'

type Socket = ResourcesCpu['sockets'][number]
type Core = Socket['cores'][number]

const folder = '/sys/devices/system/cpu'

/** One CPU as the kernel counts them, which is one thread of a core. */
interface Cpu {
  readonly id: number
  readonly socket: number
  readonly core: number
  readonly die: number
  readonly node: number
  readonly online: boolean
  /** MHz; undefined where the host can't tell, as inside most virtual machines. */
  readonly frequency: { readonly now: number; readonly least: number; readonly most: number } | undefined
}

/** Reads the processors: sockets, their cores and the threads of these. */
export async function readCpu(machine: Machine): Promise<ResourcesCpu> {
  const { sysfs } = machine
  const names = (await sysfs.list(folder)).filter((name) => /^cpu\d+$/.test(name))
  const [cpus, models, isolated] = await Promise.all([
    Promise.all(names.map((name) => readOne(machine, Number(name.slice(3))))),
    readModels(machine),
    sysfs.text(`${folder}/isolated`),
  ])
  const apart = parseNumberList(isolated ?? '')
  const numbers = [...new Set(cpus.map(({ socket }) => socket))].toSorted((a, b) => a - b)
  const sockets = numbers.map(async (socket): Promise<Socket> => {
    const own = cpus.filter((cpu) => cpu.socket === socket)
    const first = own[0]?.id ?? 0
    return {
      ...models.get(first),
      socket,
      cache: await readCaches(machine, first),
      cores: coresOf(own, apart),
      ...frequencies(own),
    }
  })
  return { architecture: architecture(), sockets: await Promise.all(sockets), total: cpus.length }
}

async function readOne({ sysfs }: Machine, id: number): Promise<Cpu> {
  const path = `${folder}/cpu${id}`
  const number = async (file: string) => Math.max(0, (await sysfs.number(`${path}/${file}`)) ?? 0)
  const [socket, core, die, online, entries, now, least, most] = await Promise.all([
    number('topology/physical_package_id'),
    number('topology/core_id'),
    number('topology/die_id'),
    // The first CPU often has no such file: it can't be switched off.
    sysfs.number(`${path}/online`),
    sysfs.list(path),
    number('cpufreq/scaling_cur_freq'),
    number('cpufreq/cpuinfo_min_freq'),
    number('cpufreq/cpuinfo_max_freq'),
  ])
  const node = entries.find((name) => /^node\d+$/.test(name))
  const megahertz = (kilohertz: number) => Math.round(kilohertz / 1000)
  return {
    id,
    socket,
    core,
    die,
    node: Number(node?.slice(4) ?? 0),
    online: online !== 0,
    frequency: most === 0 ? undefined : { now: megahertz(now), least: megahertz(least), most: megahertz(most) },
  }
}

function coresOf(cpus: readonly Cpu[], isolated: ReadonlySet<number>): Core[] {
  const groups = Map.groupBy(cpus, ({ die, core }) => `${die}/${core}`)
  return [...groups.values()].map((threads) => ({
    core: threads[0]?.core ?? 0,
    die: threads[0]?.die ?? 0,
    threads: threads.map(({ id, node, online }, thread) => ({
      id,
      numa_node: node,
      thread,
      online,
      isolated: isolated.has(id),
    })),
    ...(threads[0]?.frequency ? { frequency: threads[0].frequency.now } : {}),
  }))
}

function frequencies(cpus: readonly Cpu[]): Pick<Socket, 'frequency' | 'frequency_minimum' | 'frequency_turbo'> {
  const known = cpus.map(({ frequency }) => frequency).filter((frequency) => frequency !== undefined)
  if (known.length === 0) return {}
  return {
    frequency: Math.round(known.reduce((sum, { now }) => sum + now, 0) / known.length),
    frequency_minimum: Math.min(...known.map(({ least }) => least)),
    frequency_turbo: Math.max(...known.map(({ most }) => most)),
  }
}

async function readCaches({ sysfs }: Machine, cpu: number): Promise<NonNullable<Socket['cache']>> {
  const path = `${folder}/cpu${cpu}/cache`
  const names = (await sysfs.list(path)).filter((name) => /^index\d+$/.test(name))
  return await Promise.all(
    names.map(async (name) => {
      const [level, type, size] = await Promise.all([
        sysfs.number(`${path}/${name}/level`),
        sysfs.text(`${path}/${name}/type`),
        sysfs.text(`${path}/${name}/size`),
      ])
      return { level: level ?? 0, type: type ?? '', size: Number.parseInt(size ?? '0') * 1024 || 0 }
    }),
  )
}

/** What /proc/cpuinfo calls each CPU. */
async function readModels({ sysfs }: Machine): Promise<ReadonlyMap<number, { name?: string; vendor?: string }>> {
  const text = (await sysfs.text('/proc/cpuinfo')) ?? ''
  return new Map(
    text.split(/\n\s*\n/).map((block) => {
      const field = (name: string) => new RegExp(`^${name}\\s*: (.+)$`, 'm').exec(block)?.[1]?.trim()
      const name = field('model name')
      const vendor = field('vendor_id')
      return [Number(field('processor') ?? 0), { ...(name ? { name } : {}), ...(vendor ? { vendor } : {}) }]
    }),
  )
}
