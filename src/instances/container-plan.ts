import { readFile } from 'node:fs/promises'
import type { IdMap } from '#base/idmap.ts'
import type { Locks } from '#base/locks.ts'
import { readConfig } from '#config/config.ts'
import type { LxcItem } from '#lxc/runtime.ts'
import type { InstanceRecord } from '#store/instance-record.ts'
import type { Expanded, InstanceCommit } from './commit.ts'
import type { CpuPins } from './cpu-pins.ts'
import type { FeatureContext, HostFacts } from './feature.ts'
import { lxcItems } from './features/all.ts'
import { idmap } from './features/idmap.ts'
import { security } from './features/security.ts'
import { seccompProfile } from './features/syscalls.ts'
import { formatIdMap, isolatedMap, readIdMap, rootSpan, sharedMap } from './idmaps.ts'
import type { IdSpans } from './idmaps.ts'
import type { ContainerPlan } from './lifecycle.ts'

interface IdKeys {
  readonly 'security.privileged': boolean
  readonly 'security.idmap.isolated': boolean
  readonly 'security.idmap.base': number | undefined
  readonly 'security.idmap.size': number
}

async function readSpans(): Promise<IdSpans> {
  const [uid, gid] = await Promise.all(
    ['/etc/subuid', '/etc/subgid'].map((file) => readFile(file, 'utf8').catch(() => undefined)),
  )
  return { uid: rootSpan(uid), gid: rootSpan(gid) }
}

/** What a container is to be started with: its ids, and the lines for liblxc. */
export class Plan implements ContainerPlan {
  readonly #commit: InstanceCommit
  readonly #locks: Locks
  readonly #host: HostFacts
  readonly #pins: CpuPins

  constructor(options: {
    readonly commit: InstanceCommit
    readonly locks: Locks
    readonly host: HostFacts
    readonly pins: CpuPins
  }) {
    this.#commit = options.commit
    this.#locks = options.locks
    this.#host = options.host
    this.#pins = options.pins
  }

  /** The map to start with. That of an isolated container is written down before anybody else can be given its ids. */
  async idmap({
    record,
    config,
  }: Expanded): Promise<{ readonly map: IdMap; readonly volatile: Readonly<Record<string, string>> }> {
    const keys = readConfig({ ...security.keys, ...idmap.keys }, config) as unknown as IdKeys
    if (keys['security.privileged']) return { map: [], volatile: notes([], 0) }
    const spans = await readSpans()
    if (!keys['security.idmap.isolated']) {
      const map = sharedMap(spans)
      return { map, volatile: notes(map, 0) }
    }
    return await this.#locks.run('id maps', async () => {
      const taken = this.#commit.listAll().flatMap((other) => (isSame(other, record) ? [] : mapsOf(other)))
      const size = keys['security.idmap.size']
      const fixed = keys['security.idmap.base']
      const map =
        (fixed === undefined && keptMap(spans, record, { size, taken })) ||
        isolatedMap(spans, { size, wanted: fixed, taken })
      const volatile = notes(map, map[0]?.host ?? 0)
      if (record.config['volatile.idmap.next'] !== volatile['volatile.idmap.next']) {
        await this.#commit.note(record.project, record.name, { volatile })
      }
      return { map, volatile }
    })
  }

  currentIdmap(record: InstanceRecord): IdMap {
    return readIdMap(record.config['volatile.idmap.current'])
  }

  lxc(expanded: Expanded, map: IdMap): readonly LxcItem[] {
    const items = lxcItems(this.context(expanded, map))
    this.#pins.note(expanded, items)
    return items
  }

  seccomp({ config }: Expanded): string | undefined {
    return seccompProfile(config, this.#host.machine)
  }

  /** What features are told of an instance. */
  context(expanded: Expanded, map: IdMap): FeatureContext {
    const { name, architecture } = expanded.record
    const pins = this.#pins.besides(expanded)
    return { name, architecture, config: expanded.config, idmap: map, host: this.#host, pins }
  }
}

/** The map it had before, where that fits still and nobody else has come to have a part of it. */
function keptMap(
  spans: IdSpans,
  { config }: InstanceRecord,
  rest: { readonly size: number; readonly taken: readonly IdMap[] },
) {
  const wanted = Number(config['volatile.idmap.base'] ?? '0')
  if (wanted === 0) return undefined
  try {
    return isolatedMap(spans, { ...rest, wanted })
  } catch {
    return undefined
  }
}

function isSame(a: InstanceRecord, b: InstanceRecord): boolean {
  return a.project === b.project && a.name === b.name
}

/** The maps an isolated container has or is about to have; a shared one's are all the same and reserved. */
function mapsOf({ config }: InstanceRecord): IdMap[] {
  if (Number(config['volatile.idmap.base'] ?? '0') === 0) return []
  return [readIdMap(config['volatile.idmap.current']), readIdMap(config['volatile.idmap.next'])]
}

function notes(map: IdMap, base: number): Record<string, string> {
  const text = formatIdMap(map)
  return {
    'volatile.idmap.base': String(base),
    'volatile.idmap.current': text,
    'volatile.idmap.next': text,
    // Files on disk always have the ids of the inside.
    'volatile.last_state.idmap': '[]',
  }
}
