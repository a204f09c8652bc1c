import type { Config } from '#config/config.ts'
import { findKey } from '#config/config.ts'
import type { Keys } from '#config/key.ts'
import type { LxcItem } from '#lxc/runtime.ts'
import type { AnyFeature, CgroupSetting, FeatureContext } from '../feature.ts'
import { boot } from './boot.ts'
import { cloudInit } from './cloud-init.ts'
import { container } from './container.ts'
import { cpu } from './cpu.ts'
import { devlxd } from './devlxd.ts'
import { environment } from './environment.ts'
import { hugepages } from './hugepages.ts'
import { idmap } from './idmap.ts'
import { kernelLimits } from './kernel-limits.ts'
import { memory } from './memory.ts'
import { processes } from './processes.ts'
import { raw } from './raw.ts'
import { security } from './security.ts'
import { syscalls } from './syscalls.ts'
import { sysctl } from './sysctl.ts'
import { user } from './user.ts'

/** All features of instances. The order is that of the lines in a container's liblxc configuration. */
export const features: readonly AnyFeature[] = [
  container,
  security,
  idmap,
  environment,
  memory,
  hugepages,
  cpu,
  processes,
  kernelLimits,
  sysctl,
  syscalls,
  boot,
  devlxd,
  cloudInit,
  user,
  raw,
]

/** Every configuration key of instances and profiles. */
export const instanceKeys: Keys = Object.assign({}, ...features.map(({ keys }) => keys))

/** Checks what the keys' own types can not tell, of a whole configuration that `checkConfig` has passed. */
export function checkFeatures(config: Config): void {
  for (const feature of features) feature.check(config)
}

/** The lines for liblxc that an instance's configuration comes to. What a user wrote as lines comes last. */
export function lxcItems(context: FeatureContext): LxcItem[] {
  const limits = cgroupSettings(context).flatMap((setting) => cgroupItem(context, setting))
  return [...limits, ...features.flatMap((feature) => feature.lxc(context))]
}

function cgroupItem({ host }: FeatureContext, { controller, item, value, fresh }: CgroupSetting): LxcItem[] {
  if (fresh) return []
  return [[`lxc.${host.cgroups.get(controller) === 2 ? 'cgroup2' : 'cgroup'}.${item}`, value]]
}

/** What the cgroups of an instance are to hold, in the order it must be written. */
export function cgroupSettings(context: FeatureContext): CgroupSetting[] {
  return features.flatMap((feature) => feature.cgroup(context))
}

/** What to write into the cgroups of a running instance when the named keys have changed to `context.config`. */
export function changedCgroupSettings(keys: readonly string[], context: FeatureContext): CgroupSetting[] {
  const touched = features.filter((feature) => keys.some((key) => findKey(feature.keys, key) !== undefined))
  return touched.flatMap((feature) => feature.cgroup(context))
}
