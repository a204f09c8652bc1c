import { badRequest } from '#base/failure.ts'
import type { IdMap, IdRange } from '#base/idmap.ts'
import type { Locks } from '#base/locks.ts'
import { readConfig } from '#config/config.ts'
import type { SubordinateIds } from '#host/subordinate-ids.ts'
import type { LxcItem, Runtime } from '#lxc/runtime.ts'
import { parseRawIdMap } from '#projects/policy/raw-idmap.ts'
import type { RawIdMapLine } from '#projects/policy/raw-idmap.ts'
import type { InstanceRecord } from '#store/instance-record.ts'
import type { Expanded, InstanceCommit } from './commit.ts'
import type { CpuPins } from './cpu-pins.ts'
import type { FeatureContext, HostFacts } from './feature.ts'
import { lxcItems } from './features/all.ts'
import { idmap } from './features/idmap.ts'
import { security } from './features/security.ts'
import { seccompProfile } from './features/syscalls.ts'
import {
  formatIdMap,
  givenRanges,
  hostIdSpans,
  isolatedMap,
  overlap,
  readIdMap,
  sharedMap,
  withRawLines,
} from './idmaps.ts'
import type { IdSpans } from './idmaps.ts'
import { runtimeName } from './instance-name.ts'
import type { ChosenIdMap, ContainerPlan } from './lifecycle.ts'

interface IdKeys {
  readonly 'security.privileged': boolean
  readonly 'security.idmap.isolated': boolean
  readonly 'security.idmap.base': number | undefined
  readonly 'security.idmap.size': number
  readonly 'raw.idmap': readonly RawIdMapLine[] | undefined
}

/** A container whose ids nobody else may come to have. */
interface Holder {
  readonly isolated: boolean
  readonly ranges: readonly IdRange[]
}

/** What a container is to be started with: its ids, and the lines for liblxc. */
export class Plan implements ContainerPlan {
  readonly #commit: InstanceCommit
  readonly #locks: Locks
  readonly #host: HostFacts
  readonly #pins: CpuPins
  readonly #subordinateIds: SubordinateIds
  readonly #runtime: Pick<Runtime, 'status'>
  /** The maps of containers that are being started, by name at the runtime. */
  readonly #starting = new Map<string, Holder>()

  constructor(options: {
    readonly commit: InstanceCommit
    readonly locks: Locks
    readonly host: HostFacts
    readonly pins: CpuPins
    readonly subordinateIds: SubordinateIds
    readonly runtime: Pick<Runtime, 'status'>
  }) {
    this.#commit = options.commit
    this.#locks = options.locks
    this.#host = options.host
    this.#pins = options.pins
    this.#subordinateIds = options.subordinateIds
    this.#runtime = options.runtime
  }

  /**
   * The map to start with; nobody else is given its ids while it is held. That of an isolated container is written down
   * as well, and so stays its own.
   */
  async idmap({ record, config }: Expanded): Promise<ChosenIdMap> {
    const keys = readConfig({ ...security.keys, ...idmap.keys }, config) as unknown as IdKeys
    this.#commit.checkPrivileged(config)
    if (keys['security.privileged']) return { map: [], volatile: notes([], 0), [Symbol.dispose]: () => {} }
    const runtimeAs = runtimeName(record.project, record.name)
    return await this.#locks.run('id maps', async () => {
      const spans = hostIdSpans(await this.#subordinateIds())
      const others = this.#holders(runtimeAs)
      const isolated = keys['security.idmap.isolated']
      const own = isolated ? isolatedFor(spans.pool, record, { keys, others }) : sharedBeside(spans.pool, others)
      // What nobody but the others may have: a shared container has its range together with all others of its kind.
      const foreign = others.flatMap((one) => one.ranges)
      const map = withRawLines(own, keys['raw.idmap'] ?? [], { ...spans, foreign })
      const volatile = notes(map, isolated ? (own[0]?.host ?? 0) : 0)
      if (isolated && record.config['volatile.idmap.next'] !== volatile['volatile.idmap.next']) {
        await this.#commit.note(record.project, record.name, { volatile })
      }
      const held = { isolated, ranges: own }
      this.#starting.set(runtimeAs, held)
      const release = () => {
        if (this.#starting.get(runtimeAs) === held) this.#starting.delete(runtimeAs)
      }
      return { map, volatile, [Symbol.dispose]: release }
    })
  }

  /** What others have: isolated ones for as long as they are there, those that share while they run. */
  #holders(besides: string): Holder[] {
    return this.#commit.listAll().flatMap((record): Holder[] => {
      const name = runtimeName(record.project, record.name)
      if (name === besides) return []
      const starting = this.#starting.get(name)
      const isolated = Number(record.config['volatile.idmap.base'] ?? '0') !== 0
      if (!isolated && this.#runtime.status(name) === 'stopped') return starting ? [starting] : []
      const raw = parseRawIdMap(this.#commit.expand(record).config['raw.idmap'] ?? '')
      const keys = isolated ? ['volatile.idmap.current', 'volatile.idmap.next'] : ['volatile.idmap.current']
      const ranges = keys.flatMap((key) => givenRanges(readIdMap(record.config[key]), raw))
      const noted = { isolated: isolated && this.#runtime.status(name) !== 'stopped', ranges }
      return starting ? [noted, starting] : [noted]
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

/** The map that containers share. Throws where another that runs has a part of it, which only a change of the host's ids can bring about. */
function sharedBeside(spans: IdSpans, others: readonly Holder[]): IdMap {
  const map = sharedMap(spans)
  const inTheWay = others.some(
    (one) => one.isolated && one.ranges.some((range) => map.some((own) => overlap(range, own))),
  )
  if (inTheWay) {
    throw badRequest(
      'Cannot start the container: /etc/subuid or /etc/subgid has changed, and an isolated container that runs still has ids of the range that containers now share; restart the isolated containers first',
    )
  }
  return map
}

/** The map of an isolated container: where its configuration says, or the one it had before, or another. */
function isolatedFor(
  spans: IdSpans,
  { config }: InstanceRecord,
  { keys, others }: { readonly keys: IdKeys; readonly others: readonly Holder[] },
): IdMap {
  const size = keys['security.idmap.size']
  const taken = others.map(({ ranges }) => ranges)
  const fixed = keys['security.idmap.base']
  if (fixed !== undefined) return isolatedMap(spans, { size, taken, wanted: fixed })
  const before = Number(config['volatile.idmap.base'] ?? '0')
  try {
    if (before !== 0) return isolatedMap(spans, { size, taken, wanted: before })
  } catch {
    // It does not fit any more, or somebody else has come to have a part of it.
  }
  return isolatedMap(spans, { size, taken, wanted: undefined })
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
