import type { IdMap } from '#base/idmap.ts'
import type { Undo } from '#base/undo.ts'
import type { Keys } from '#config/key.ts'
import type { LxcItem } from '#lxc/runtime.ts'
import type { DeviceKindPolicy, DeviceRestriction } from '#projects/policy/device-policy.ts'

/** A device's configuration as the API carries it, `type` included. */
export type DeviceConfig = Readonly<Record<string, string>>

/** The instance a device belongs to, as devices see it. */
export interface DeviceOwner {
  readonly project: string
  readonly name: string
  /** The name at the runtime: `c1`, or `project_c1` outside the default project. */
  readonly runtimeName: string
  readonly privileged: boolean
  /** The devices the instance has in all, profiles expanded. */
  readonly devices: Readonly<Record<string, DeviceConfig>>
}

/** What a device is checked against: nothing here may act. */
export interface CheckContext {
  readonly owner: DeviceOwner
  readonly device: string
  /** Whether a profile is being checked, where what differs by instance is not known yet. */
  readonly inProfile: boolean
}

/** What a device is started and stopped with. */
export interface DeviceContext {
  readonly owner: DeviceOwner
  /** The device's name in the instance's configuration, such as `eth0`. */
  readonly device: string
  readonly config: DeviceConfig
  /** The `volatile.DEVICE.*` keys, without that prefix. */
  readonly volatile: Readonly<Record<string, string>>
  readonly idmap: IdMap
  /** The init's process id, once it runs: where hot plug goes. */
  readonly pid: number | undefined
}

/** What starting a device gives. */
export interface DeviceStart {
  /** Lines for liblxc. Network lines are written `lxc.net.*`, the `*` being filled in with the NIC's number. */
  readonly lxc: readonly LxcItem[]
  /** `volatile.DEVICE.*` keys to keep, without that prefix; an empty value drops the key. */
  readonly volatile: Readonly<Record<string, string>>
}

/** What the volatile keys of a device are made from. */
export interface VolatileContext {
  readonly device: string
  readonly config: DeviceConfig
  /** The `volatile.DEVICE.*` keys there are, without that prefix. */
  readonly volatile: Readonly<Record<string, string>>
  /** The devices the instance has in all. */
  readonly devices: Readonly<Record<string, DeviceConfig>>
  /** The instance's own configuration, with the volatile keys of its other devices. */
  readonly instanceConfig: Readonly<Record<string, string>>
}

/**
 * A kind of device: what a user may write, and what it does.
 *
 * `start` runs before the container does; a device that is `hotplug` can also be added to one that runs, with `pid`
 * set, and then does the container's side itself. `stop` must not mind being called twice or after a crash.
 */
export interface DeviceKind extends DeviceKindPolicy {
  /** `nic/bridged`, `disk`: the type and, where it has one, the subtype. */
  readonly kind: string
  readonly doc: string
  readonly keys: Keys
  /** What of `restricted.devices.*` guards it in restricted projects. */
  readonly restriction: DeviceRestriction
  readonly hotplug: boolean
  /** Throws a bad-request Failure for what the keys' own types can not tell. */
  check(config: DeviceConfig, context: CheckContext): void
  /** Volatile keys to be made at creation, such as a MAC address, given what is there already. */
  volatile?(context: VolatileContext): Readonly<Record<string, string>>
  /** The volatile keys that `start` gives and that mean nothing once the instance has stopped. */
  readonly transient?: readonly string[]
  start(context: DeviceContext, undo: Undo): Promise<DeviceStart>
  /** Does what needs a container that runs, once one does that was started with the device: `pid` is set. */
  started?(context: DeviceContext, undo: Undo): Promise<void>
  stop(context: DeviceContext): Promise<void>
  /** Takes back what outlives a stop, when the device or its instance is removed. */
  remove?(context: DeviceContext): Promise<void>
  /** Takes over a changed configuration of `live` keys while the instance runs. */
  update?(context: DeviceContext, old: DeviceConfig, undo: Undo): Promise<void>
}
