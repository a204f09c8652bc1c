import { setTimeout as sleep } from 'node:timers/promises'
import { explain } from '#base/failure.ts'
import type { Log } from '#base/log.ts'
import { readConfig } from '#config/config.ts'
import type { Runtime } from '#lxc/runtime.ts'
import type { Expanded, InstanceCommit } from './commit.ts'
import type { Warnings } from '#warnings/warnings.ts'
import { boot } from './features/boot.ts'
import { runtimeName } from './instance-name.ts'
import type { Lifecycle } from './lifecycle.ts'

interface Parts {
  readonly commit: InstanceCommit
  readonly lifecycle: Lifecycle
  readonly runtime: Runtime
  readonly log: Log
  readonly warnings: Pick<Warnings, 'raise' | 'resolve'>
}

interface Boot {
  readonly 'boot.autostart': boolean | undefined
  readonly 'boot.autostart.delay': number
  readonly 'boot.autostart.priority': number
  readonly 'boot.host_shutdown_timeout': number
  readonly 'boot.stop.priority': number
}

function bootKeys({ config }: Expanded): Boot {
  return readConfig(boot.keys, config) as unknown as Boot
}

/**
 * The instances to start with the daemon, in order: those that say so, and those that ran when the host went down and
 * don't say otherwise.
 */
export function toAutostart(instances: readonly Expanded[]): Expanded[] {
  const wanted = instances.filter((instance) => {
    return bootKeys(instance)['boot.autostart'] ?? instance.record.config['volatile.last_state.power'] === 'RUNNING'
  })
  return wanted.toSorted((a, b) => {
    const byPriority = bootKeys(b)['boot.autostart.priority'] - bootKeys(a)['boot.autostart.priority']
    return byPriority || (a.record.name < b.record.name ? -1 : 1)
  })
}

/** Starts what is to run with the daemon. One that fails is logged, and the others are started still. */
export async function autostart(parts: Parts, signal: AbortSignal): Promise<void> {
  const { commit, lifecycle, runtime, log, warnings } = parts
  for (const expanded of toAutostart(commit.list().map((record) => commit.expand(record)))) {
    if (signal.aborted) return
    const { project, name } = expanded.record
    if (runtime.status(runtimeName(project, name)) !== 'stopped') continue
    const query = project === 'default' ? '' : `?project=${encodeURIComponent(project)}`
    const entity = `/1.0/instances/${name}${query}`
    try {
      await lifecycle.start(project, name)
      warnings.resolve('Failed to autostart instance', entity)
      await sleep(bootKeys(expanded)['boot.autostart.delay'] * 1000, undefined, { signal })
    } catch (error) {
      if (signal.aborted) return
      const message = explain(error)
      log.error('Cannot start an instance with the daemon', { project, name, error: message })
      warnings.raise({ type: 'Failed to autostart instance', project, entity, message })
    }
  }
}

/**
 * Shuts all instances down, those of the highest `boot.stop.priority` first, each group at once, by force where one
 * takes longer than its `boot.host_shutdown_timeout`. Those that ran will be started again with the daemon.
 */
export async function stopAll({ commit, lifecycle, runtime, log }: Omit<Parts, 'warnings'>): Promise<void> {
  const running = commit
    .list()
    .filter((record) => runtime.status(runtimeName(record.project, record.name)) !== 'stopped')
  const groups = Map.groupBy(
    running.map((record) => commit.expand(record)),
    (one) => bootKeys(one)['boot.stop.priority'],
  )
  for (const [, group] of [...groups].toSorted(([a], [b]) => b - a)) {
    await Promise.all(group.map((expanded) => stopOne({ commit, lifecycle, runtime, log }, expanded)))
  }
}

async function stopOne(
  { commit, lifecycle, runtime, log }: Omit<Parts, 'warnings'>,
  expanded: Expanded,
): Promise<void> {
  const { project, name } = expanded.record
  const timeout = bootKeys(expanded)['boot.host_shutdown_timeout'] * 1000
  try {
    await lifecycle.stop(project, name, { force: false, timeout })
  } catch (error) {
    if (runtime.status(runtimeName(project, name)) === 'stopped') return
    log.warn('Stopping an instance by force', { project, name, error: explain(error) })
    await lifecycle.stop(project, name, { force: true })
  }
  if (commit.has(project, name))
    await commit.note(project, name, { volatile: { 'volatile.last_state.power': 'RUNNING' } })
}
