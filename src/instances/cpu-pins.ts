import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import type { LxcItem, Runtime } from '#lxc/runtime.ts'
import type { Expanded, InstanceCommit } from './commit.ts'
import { parseCpuList } from './host-facts.ts'
import { runtimeName } from './instance-name.ts'

/** Tells which CPUs the running instances with `limits.cpu` have, so that another can be given those least used. */
export class CpuPins {
  readonly #commit: Pick<InstanceCommit, 'list' | 'expand'>
  readonly #runtime: Pick<Runtime, 'status' | 'cgroups'>
  /** What instances that are starting, and have no control group to look at, were given. */
  readonly #given = new Map<string, readonly number[]>()

  constructor(options: {
    readonly commit: Pick<InstanceCommit, 'list' | 'expand'>
    readonly runtime: Pick<Runtime, 'status' | 'cgroups'>
  }) {
    this.#commit = options.commit
    this.#runtime = options.runtime
  }

  /** How many instances, this one left out, are pinned to each CPU. */
  besides({ record, config }: Expanded): ReadonlyMap<number, number> {
    const counts = new Map<number, number>()
    if (!config['limits.cpu']) return counts
    for (const other of this.#commit.list()) {
      if (other.project === record.project && other.name === record.name) continue
      const cpus = this.#of(runtimeName(other.project, other.name), () => this.#commit.expand(other))
      for (const cpu of cpus) counts.set(cpu, (counts.get(cpu) ?? 0) + 1)
    }
    return counts
  }

  /** Remembers what an instance that is about to start was given, as the lines for liblxc have it. */
  note({ record }: Expanded, items: readonly LxcItem[]): void {
    const value = items.find(([key]) => /^lxc\.cgroup2?\.cpuset\.cpus$/.test(key))?.[1]
    const name = runtimeName(record.project, record.name)
    if (value === undefined) this.#given.delete(name)
    else this.#given.set(name, parseCpuList(value))
  }

  #of(name: string, expand: () => Expanded): readonly number[] {
    const status = this.#runtime.status(name)
    if (status === 'stopped') {
      this.#given.delete(name)
      return []
    }
    if (!expand().config['limits.cpu']) return []
    const directory = this.#runtime.cgroups(name).get('cpuset')
    return directory === undefined ? (this.#given.get(name) ?? []) : readCpus(directory)
  }
}

function readCpus(directory: string): number[] {
  try {
    return parseCpuList(readFileSync(join(directory, 'cpuset.cpus'), 'latin1'))
  } catch {
    // It has just ended.
    return []
  }
}
