import { fields, list, map } from '../shape.ts'

const put = {
  architecture: 'text',
  config: map('text'),
  devices: map(map('text')),
  ephemeral: 'bool',
  profiles: list('text'),
  stateful: 'bool',
  description: 'text',
} as const

/** What `config show` and `config edit` show of an instance. */
export const instancePut = fields(put)

const instance = {
  ...put,
  created_at: 'time',
  expanded_config: map('text'),
  expanded_devices: map(map('text')),
  name: 'text',
  status: 'text',
  status_code: 'number',
  last_used_at: 'time',
  location: 'text',
  type: 'text',
  project: 'text',
} as const

/** A snapshot of an instance. */
export const snapshotShape = fields({
  expires_at: 'time',
  architecture: 'text',
  config: map('text'),
  created_at: 'time',
  devices: map(map('text')),
  ephemeral: 'bool',
  expanded_config: map('text'),
  expanded_devices: map(map('text')),
  last_used_at: 'time',
  name: 'text',
  profiles: list('text'),
  stateful: 'bool',
  size: 'number',
})

const backup = fields({
  name: 'text',
  created_at: 'time',
  expires_at: 'time',
  instance_only: 'bool',
  container_only: 'bool',
  optimized_storage: 'bool',
})

const link = fields({
  addresses: list(fields({ family: 'text', address: 'text', netmask: 'text', scope: 'text' })),
  counters: fields({
    bytes_received: 'number',
    bytes_sent: 'number',
    packets_received: 'number',
    packets_sent: 'number',
    errors_received: 'number',
    errors_sent: 'number',
    packets_dropped_outbound: 'number',
    packets_dropped_inbound: 'number',
  }),
  hwaddr: 'text',
  host_name: 'text',
  mtu: 'number',
  state: 'text',
  type: 'text',
})

const state = fields({
  status: 'text',
  status_code: 'number',
  disk: map(fields({ usage: 'number', total: 'number' })),
  memory: fields({ usage: 'number', usage_peak: 'number', swap_usage: 'number', swap_usage_peak: 'number' }),
  network: map(link),
  pid: 'number',
  processes: 'number',
  cpu: fields({ usage: 'number' }),
})

/** An instance with its state, snapshots and backups, as lists show it to programs. */
export const instanceFull = fields({ ...instance, backups: list(backup), state, snapshots: list(snapshotShape) })
