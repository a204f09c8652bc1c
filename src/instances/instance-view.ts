import type { RuntimeStatus } from '#lxc/runtime.ts'
import type { Expanded } from './commit.ts'

/** LXD's names and codes of what an instance is doing. */
const statuses: Readonly<Record<RuntimeStatus, readonly [status: string, code: number]>> = {
  stopped: ['Stopped', 102],
  running: ['Running', 103],
  starting: ['Starting', 106],
  stopping: ['Stopping', 107],
  aborting: ['Aborting', 108],
  freezing: ['Freezing', 109],
  frozen: ['Frozen', 110],
}

/** LXD's name and code of a status. */
export function statusOf(status: RuntimeStatus): { readonly status: string; readonly status_code: number } {
  const [name, code] = statuses[status]
  return { status: name, status_code: code }
}

/** An instance as the API shows it. */
export function viewInstance({ record, config, devices }: Expanded, status: RuntimeStatus): object {
  return {
    architecture: record.architecture,
    config: record.config,
    devices: record.devices,
    ephemeral: record.ephemeral,
    profiles: record.profiles,
    stateful: record.stateful,
    description: record.description,
    created_at: record.createdAt,
    expanded_config: config,
    expanded_devices: devices,
    name: record.name,
    ...statusOf(status),
    last_used_at: record.lastUsedAt,
    location: 'none',
    type: record.type,
    project: record.project,
  }
}

/** What the ETag of an instance is computed from: what a PUT replaces, less what the daemon notes for itself. */
export function etagOfInstance({ record }: Expanded): unknown {
  const config = Object.entries(record.config).filter(([key]) => !key.startsWith('volatile.'))
  return [
    record.architecture,
    Object.fromEntries(config),
    record.devices,
    record.ephemeral,
    record.profiles,
    record.description,
  ]
}
