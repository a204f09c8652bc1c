import { forbidden } from '#base/failure.ts'
import type { Failure } from '#base/failure.ts'
import type { Config } from '#config/config.ts'
import type { Keys } from '#config/key.ts'
import type { DevicesConfig } from '#store/instance-record.ts'
import type { DeviceKindPolicy } from './device-policy.ts'

/** What a project's rules are applied to: an instance with its profiles expanded, or a profile by itself. */
export interface Subject {
  readonly kind: 'container' | 'virtual-machine' | 'profile'
  readonly project: string
  readonly name: string
  readonly config: Config
  readonly devices: DevicesConfig
}

/** What the rules need to know of configuration: the keys instances have, and what kind of device a device is. */
export interface PolicyLanguage {
  readonly instanceKeys: Keys
  /** Throws a Failure for what is no device. */
  readonly kindOf: (device: Readonly<Record<string, string>>) => DeviceKindPolicy
}

/** The subject in LXD's words: `container "c1" of project "p1"`. */
export function nameOf({ kind, name, project }: Subject): string {
  return `${kind} "${name}" of project "${project}"`
}

/** The refusal of a key's value. */
export function refusedValue(subject: Subject, key: string, value: string, why: string): Failure {
  return forbidden(`Invalid value "${value}" for config "${key}" on ${nameOf(subject)}`, { cause: forbidden(why) })
}
