import { badRequest } from '#base/failure.ts'
import type { IdMap } from '#base/idmap.ts'
import { readConfig } from '#config/config.ts'
import type { Config } from '#config/config.ts'
import type { Keys, Values } from '#config/key.ts'
import type { LxcItem } from '#lxc/runtime.ts'

/** What features need to know of the host. Read once, at the start of the daemon, by `host-facts.ts`. */
export interface HostFacts {
  /** The version of cgroups that serves each controller: `memory`, `cpu`, `cpuset`, `pids`, `devices`, … */
  readonly cgroups: ReadonlyMap<string, 1 | 2>
  /** Whether swap can be limited. */
  readonly swapAccounting: boolean
  /** Bytes of memory. */
  readonly memory: number
  /** The numbers of the CPUs that instances may use. */
  readonly cpus: readonly number[]
  /** Sizes of huge pages the host has, such as `2MB`. */
  readonly hugePages: readonly string[]
  /** Where lxcfs is mounted, if it runs now, and whether all of `sys/devices/system/cpu` is its or one file only. */
  readonly lxcfs: { readonly path: string; readonly wholeCpu: boolean } | undefined
  /** Whether the AppArmor module of the kernel is enabled. */
  readonly apparmor: boolean
  /** The kernel's name of the architecture, such as `x86_64`. */
  readonly machine: string
}

/** The instance a feature works for. */
export interface FeatureContext {
  /** The name the instance gives itself: its host name. */
  readonly name: string
  /** The kernel's name of the architecture the instance is for, such as `x86_64`. */
  readonly architecture: string
  /** The whole configuration, profiles expanded: where a feature finds its families of keys. */
  readonly config: Config
  /** Empty for a privileged container. */
  readonly idmap: IdMap
  readonly host: HostFacts
  /** How many instances are pinned to each CPU; what isn't named has none. */
  readonly pins: ReadonlyMap<number, number>
}

/**
 * One file of a cgroup and what goes into it. The same settings are used at start, where those that say `fresh` are
 * left out because a new cgroup has that value anyway, and for a live change, where all are written in order.
 */
export interface CgroupSetting {
  readonly controller: string
  readonly item: string
  readonly value: string
  readonly fresh?: boolean
}

/** A group of configuration keys of instances, and the effect they have. */
export interface Feature<K extends Keys = Keys> {
  readonly keys: K
  /** Throws a bad-request Failure for what the keys' own types can not tell, such as two keys that exclude another. */
  check?(values: Values<K>, config: Config): void
  /** Lines for liblxc, at start. */
  lxc?(values: Values<K>, context: FeatureContext): readonly LxcItem[]
  /** What the instance's cgroups are to hold, at start and after a change of the keys. */
  cgroup?(values: Values<K>, context: FeatureContext): readonly CgroupSetting[]
}

/** A feature whose values have been read: what the list of all features holds. */
export interface AnyFeature {
  readonly keys: Keys
  check(config: Config): void
  lxc(context: FeatureContext): readonly LxcItem[]
  cgroup(context: FeatureContext): readonly CgroupSetting[]
}

/** Declares a feature. Its functions get the values of its own keys, read and with defaults filled in. */
export function defineFeature<const K extends Keys>(feature: Feature<K>): AnyFeature {
  const read = (config: Config) => readConfig(feature.keys, config)
  return {
    keys: feature.keys,
    check: (config) => feature.check?.(read(config), config),
    lxc: (context) => feature.lxc?.(read(context.config), context) ?? [],
    cgroup: (context) => feature.cgroup?.(read(context.config), context) ?? [],
  }
}

/**
 * The version of cgroups that serves a controller. Throws where none does: a limit that nobody enforces must not look
 * as if it held.
 */
export function requireController({ host }: FeatureContext, controller: string, key: string): 1 | 2 {
  const version = host.cgroups.get(controller)
  if (version === undefined) {
    throw badRequest(`Cannot apply "${key}": this host has no "${controller}" controller of control groups`)
  }
  return version
}

/** The keys of a family in a configuration, without the family's prefix: `family(config, 'environment.')`. */
export function family(config: Config, prefix: string): [name: string, value: string][] {
  return Object.entries(config)
    .filter(([key, value]) => key.startsWith(prefix) && key.length > prefix.length && value !== '')
    .map(([key, value]): [string, string] => [key.slice(prefix.length), value])
    .toSorted(([a], [b]) => (a < b ? -1 : 1))
}
