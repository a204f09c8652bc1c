import type { IdMap } from '#base/idmap.ts'
import type { Undo } from '#base/undo.ts'
import type { Runtime } from '#lxc/runtime.ts'
import type { Expanded, InstanceCommit } from './commit.ts'
import type { DeviceSet } from './device-set.ts'
import { changedCgroupSettings } from './features/all.ts'
import type { FeatureContext } from './feature.ts'
import { runtimeName } from './instance-name.ts'
import type { ContainerPlan } from './lifecycle.ts'

export interface LiveUpdateOptions {
  readonly commit: InstanceCommit
  readonly devices: DeviceSet
  readonly runtime: Runtime
  readonly plan: ContainerPlan
  readonly context: (expanded: Expanded, idmap: IdMap) => FeatureContext
  /** Told of every change of an instance that runs. */
  readonly changed: (before: Expanded, after: Expanded) => void
}

/** Brings a running instance to a changed configuration, as far as keys and devices can be changed live. */
export class LiveUpdate {
  readonly #options: LiveUpdateOptions

  constructor(options: LiveUpdateOptions) {
    this.#options = options
  }

  /** Does nothing for an instance that is stopped. */
  async apply(before: Expanded, after: Expanded, undo: Undo): Promise<void> {
    const { runtime, devices, commit, plan } = this.#options
    const { project, name } = after.record
    const runtimeAs = runtimeName(project, name)
    const pid = runtime.initPid(runtimeAs)
    if (pid === undefined) return
    const idmap = plan.currentIdmap(after.record)

    await this.#applyConfig(runtimeAs, before, after, undo)
    const volatile = await devices.update(before, after, { idmap, pid }, undo)
    if (Object.keys(volatile).length > 0) await commit.note(project, name, { volatile })
    this.#options.changed(before, after)
  }

  async #applyConfig(name: string, before: Expanded, after: Expanded, undo: Undo): Promise<void> {
    const { runtime, plan, context } = this.#options
    const keys = [...new Set([...Object.keys(before.config), ...Object.keys(after.config)])]
    const changed = keys.filter((key) => !key.startsWith('volatile.') && before.config[key] !== after.config[key])
    if (changed.length === 0) return
    const idmap = plan.currentIdmap(after.record)
    const put = async (expanded: Expanded) => {
      for (const { item, value } of changedCgroupSettings(changed, context(expanded, idmap))) {
        await runtime.setCgroup(name, item, value)
      }
    }
    undo.add('put the limits back', () => put(before))
    await put(after)
  }
}
