import type { IdMap } from '#base/idmap.ts'
import { badRequest } from '#base/failure.ts'
import type { Undo } from '#base/undo.ts'
import type { Config } from '#config/config.ts'
import { findKey } from '#config/config.ts'
import type { FindKind } from '#devices/check.ts'
import type { DeviceConfig, DeviceContext } from '#devices/device.ts'
import type { LxcItem } from '#lxc/runtime.ts'
import type { Log } from '#base/log.ts'
import { explain } from '#base/failure.ts'
import { InstanceCommit, ownerOf } from './commit.ts'
import type { Expanded } from './commit.ts'

/** What starting the devices of an instance gives. */
export interface StartedDevices {
  readonly lxc: readonly LxcItem[]
  /** Whole `volatile.DEVICE.*` keys. */
  readonly volatile: Config
}

/** The running side of an instance, as far as devices need it. */
interface Live {
  readonly idmap: IdMap
  readonly pid?: number | undefined
}

/** Starts, changes and stops the devices of instances. */
export class DeviceSet {
  readonly #findKind: FindKind
  readonly #log: Log

  constructor(options: { readonly findKind: FindKind; readonly log: Log }) {
    this.#findKind = options.findKind
    this.#log = options.log
  }

  /** Starts all devices, before the instance does. */
  async start(expanded: Expanded, live: Live, undo: Undo): Promise<StartedDevices> {
    const lxc: LxcItem[] = []
    const volatile: Record<string, string> = {}
    let nics = 0
    for (const device of ordered(expanded)) {
      const context = this.#context(expanded, device, live)
      const kind = this.#findKind(context.config)
      const started = await kind.start(context, undo)
      const number = started.lxc.some(([key]) => key.startsWith('lxc.net.*')) ? nics++ : 0
      lxc.push(...started.lxc.map(([key, value]): LxcItem => [key.replace('lxc.net.*', `lxc.net.${number}`), value]))
      for (const [key, value] of Object.entries(started.volatile)) volatile[`volatile.${device}.${key}`] = value
    }
    return { lxc, volatile }
  }

  /** Does what devices need a running instance for, right after it was started with them. */
  async started(expanded: Expanded, live: Live, undo: Undo): Promise<void> {
    for (const device of ordered(expanded)) {
      const context = this.#context(expanded, device, live)
      await this.#findKind(context.config).started?.(context, undo)
    }
  }

  /** Stops all devices, the last first. One that fails is logged, and the others are stopped still. */
  async stop(expanded: Expanded, live: Live): Promise<void> {
    for (const device of ordered(expanded).reverse()) {
      await this.#quietly('stop', device, async () => {
        const context = this.#context(expanded, device, live)
        await this.#findKind(context.config).stop(context)
      })
    }
  }

  /** The `volatile.*` keys that mean nothing once the instance has stopped, each with an empty value. */
  transient({ devices }: Expanded): Config {
    const keys = Object.entries(devices).flatMap(([device, config]) =>
      (this.#findKind(config).transient ?? []).map((key) => `volatile.${device}.${key}`),
    )
    return Object.fromEntries(keys.map((key) => [key, '']))
  }

  /** Takes back what outlives a stop, when the instance is deleted. */
  async remove(expanded: Expanded): Promise<void> {
    for (const device of ordered(expanded).reverse()) {
      await this.#quietly('remove', device, async () => {
        const context = this.#context(expanded, device, { idmap: [] })
        await this.#findKind(context.config).remove?.(context)
      })
    }
  }

  /** Brings the devices of a running instance from one configuration to another. Returns volatile keys to keep. */
  async update(before: Expanded, after: Expanded, live: Live, undo: Undo): Promise<Config> {
    const volatile: Record<string, string> = {}
    for (const device of ordered(before).reverse()) {
      if (this.#kept(before, after, device) === 'replaced') await this.#unplug(before, device, live, undo)
    }
    for (const device of ordered(after)) {
      const kept = this.#kept(before, after, device)
      if (kept === 'same') continue
      const context = this.#context(after, device, live)
      const kind = this.#findKind(context.config)
      const old = before.devices[device]
      if (kept === 'live' && old) {
        await kind.update?.(context, old, undo)
        continue
      }
      if (!kind.hotplug) throw badRequest(`Cannot add device "${device}" while the instance is running`)
      const started = await kind.start(context, undo)
      undo.add(`unplug device "${device}"`, () => kind.stop(context))
      for (const [key, value] of Object.entries(started.volatile)) volatile[`volatile.${device}.${key}`] = value
    }
    return volatile
  }

  async #unplug(before: Expanded, device: string, live: Live, undo: Undo): Promise<void> {
    const context = this.#context(before, device, live)
    const kind = this.#findKind(context.config)
    if (!kind.hotplug) throw badRequest(`Cannot remove device "${device}" while the instance is running`)
    await kind.stop(context)
    undo.add(`plug device "${device}" in again`, () => kind.start(context, undo))
    await kind.remove?.(context)
  }

  /** What becomes of a device: it stays as it is, changes only live keys, or has to be taken out and put in. */
  #kept(before: Expanded, after: Expanded, device: string): 'same' | 'live' | 'replaced' {
    const old = before.devices[device]
    const now = after.devices[device]
    if (!old || !now) return 'replaced'
    const changed = [...new Set([...Object.keys(old), ...Object.keys(now)])].filter(
      (key) => (old[key] ?? '') !== (now[key] ?? ''),
    )
    if (changed.length === 0) return 'same'
    const kind = this.#findKind(now)
    const live = kind.update && changed.every((key) => findKey(kind.keys, key)?.live === true)
    return live ? 'live' : 'replaced'
  }

  #context(expanded: Expanded, device: string, live: Live): DeviceContext {
    return {
      owner: ownerOf(expanded),
      device,
      config: expanded.devices[device] as DeviceConfig,
      volatile: InstanceCommit.deviceVolatile(expanded.record, device),
      idmap: live.idmap,
      pid: live.pid,
    }
  }

  async #quietly(what: string, device: string, work: () => Promise<void>): Promise<void> {
    try {
      await work()
    } catch (error) {
      this.#log.error(`Cannot ${what} a device`, { device, error: explain(error) })
    }
  }
}

/** NICs first, then disks by their path so that a mount comes before what is mounted below it, then the rest. */
function ordered({ devices }: Expanded): string[] {
  const rank = (config: DeviceConfig | undefined) => (config?.['type'] === 'nic' ? '0' : `1${config?.['path'] ?? ''}`)
  const key = (device: string) => `${rank(devices[device])}\0${device}`
  return Object.keys(devices).toSorted((a, b) => (key(a) < key(b) ? -1 : 1))
}
