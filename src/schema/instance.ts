import Type from 'typebox'
import type { Static } from 'typebox'
import { Count, Devices, StatusCode, StringList, StringMap, Timestamp } from './common.ts'

/** What a user may change of an instance. */
export const InstancePut = Type.Object(
  {
    architecture: Type.String({ description: 'Kernel name of the architecture, such as x86_64' }),
    config: StringMap,
    devices: Devices,
    ephemeral: Type.Boolean({ description: 'Whether the instance is deleted when it stops' }),
    profiles: StringList,
    restore: Type.String({ description: 'Name of the snapshot to restore the instance from' }),
    stateful: Type.Boolean({ description: 'Whether the saved running state is restored too' }),
    description: Type.String(),
  },
  { title: 'InstancePut' },
)
export type InstancePut = Static<typeof InstancePut>

/** The same with every field optional: what is absent stays as it is. */
export const InstancePatch = Type.Partial(InstancePut, { title: 'InstancePatch' })
export type InstancePatch = Static<typeof InstancePatch>

/** Where a new instance's root comes from. */
export const InstanceSource = Type.Object(
  {
    type: Type.String({ description: 'One of image, copy, migration and none' }),
    certificate: Type.String(),
    alias: Type.String({ description: 'Alias of the image' }),
    fingerprint: Type.String({ description: 'Fingerprint of the image, or the start of it' }),
    properties: StringMap,
    server: Type.String({ description: 'URL of the image server' }),
    secret: Type.String(),
    protocol: Type.String({ description: 'Protocol of the image server: lxd or simplestreams' }),
    'base-image': Type.String(),
    mode: Type.String({ description: 'Mode of a transfer: pull, push or local' }),
    operation: Type.String(),
    secrets: StringMap,
    source: Type.String({ description: 'Name of the instance to copy' }),
    live: Type.Boolean(),
    instance_only: Type.Boolean(),
    container_only: Type.Boolean(),
    refresh: Type.Boolean(),
    project: Type.String(),
    allow_inconsistent: Type.Boolean(),
  },
  { title: 'InstanceSource' },
)
export type InstanceSource = Static<typeof InstanceSource>

/** A new instance. Without `profiles` it gets the profile "default", with an empty list none. */
export const InstancesPost = Type.Object(
  {
    name: Type.String({ description: 'Name of the instance; one is made up where it is empty' }),
    type: Type.String({ description: 'container or virtual-machine' }),
    source: InstanceSource,
    instance_type: Type.String({ description: 'Cloud instance type whose limits are applied, such as t1.micro' }),
    ...Type.Omit(InstancePut, ['profiles']).properties,
    profiles: Type.Optional(StringList),
  },
  { title: 'InstancesPost' },
)
export type InstancesPost = Static<typeof InstancesPost>

const InstancePostTarget = Type.Object(
  { certificate: Type.String(), operation: Type.String(), secrets: StringMap },
  { title: 'InstancePostTarget' },
)

/** A rename, move or migration of an instance. */
export const InstancePost = Type.Object(
  {
    name: Type.String({ description: 'New name' }),
    migration: Type.Boolean(),
    live: Type.Boolean(),
    instance_only: Type.Boolean(),
    container_only: Type.Boolean(),
    target: Type.Optional(InstancePostTarget),
    pool: Type.String(),
    project: Type.String(),
    allow_inconsistent: Type.Boolean(),
  },
  { title: 'InstancePost' },
)
export type InstancePost = Static<typeof InstancePost>

/** A change of what an instance is doing. */
export const InstanceStatePut = Type.Object(
  {
    action: Type.String({ description: 'One of start, stop, restart, freeze and unfreeze' }),
    timeout: Type.Integer({ description: 'Seconds after which the change has failed; below zero for never' }),
    force: Type.Boolean({ description: 'Whether to end all processes at once' }),
    stateful: Type.Boolean({ description: 'Whether to keep the running state' }),
  },
  { title: 'InstanceStatePut' },
)
export type InstanceStatePut = Static<typeof InstanceStatePut>

/** A change of what all instances of a project are doing. */
export const InstancesPut = Type.Object({ state: InstanceStatePut }, { title: 'InstancesPut' })
export type InstancesPut = Static<typeof InstancesPut>

/** A command to run in an instance. */
export const InstanceExecPost = Type.Object(
  {
    command: StringList,
    'wait-for-websocket': Type.Boolean({ description: 'Whether the command waits for its websockets' }),
    interactive: Type.Boolean({ description: 'Whether the command gets a terminal' }),
    environment: StringMap,
    width: Type.Integer({ minimum: 0, maximum: 65_535 }),
    height: Type.Integer({ minimum: 0, maximum: 65_535 }),
    'record-output': Type.Boolean({ description: 'Whether the output is kept as log files' }),
    user: Type.Integer({ minimum: 0, maximum: 2 ** 32 - 1 }),
    group: Type.Integer({ minimum: 0, maximum: 2 ** 32 - 1 }),
    cwd: Type.String({ description: 'Directory the command starts in' }),
  },
  { title: 'InstanceExecPost' },
)
export type InstanceExecPost = Static<typeof InstanceExecPost>

/** What a client sends on the control websocket of a running command. */
export const InstanceExecControl = Type.Object(
  {
    command: Type.String({ description: 'window-resize or signal' }),
    args: StringMap,
    signal: Type.Integer(),
  },
  { title: 'InstanceExecControl' },
)
export type InstanceExecControl = Static<typeof InstanceExecControl>

/** An attachment to an instance's console. */
export const InstanceConsolePost = Type.Object(
  {
    width: Type.Integer({ minimum: 0, maximum: 65_535 }),
    height: Type.Integer({ minimum: 0, maximum: 65_535 }),
    type: Type.String({ description: 'console or vga' }),
    force: Type.Boolean({ description: 'Whether to disconnect who is connected' }),
  },
  { title: 'InstanceConsolePost' },
)
export type InstanceConsolePost = Static<typeof InstanceConsolePost>

/** A new snapshot. */
export const InstanceSnapshotsPost = Type.Object(
  { name: Type.String(), stateful: Type.Boolean(), expires_at: Type.Optional(Timestamp) },
  { title: 'InstanceSnapshotsPost' },
)
export type InstanceSnapshotsPost = Static<typeof InstanceSnapshotsPost>

/** What a user may change of a snapshot. */
export const InstanceSnapshotPut = Type.Object({ expires_at: Timestamp }, { title: 'InstanceSnapshotPut' })
export type InstanceSnapshotPut = Static<typeof InstanceSnapshotPut>

/** A rename or migration of a snapshot. */
export const InstanceSnapshotPost = Type.Object(
  {
    name: Type.String(),
    migration: Type.Boolean(),
    target: Type.Optional(InstancePostTarget),
    live: Type.Boolean(),
  },
  { title: 'InstanceSnapshotPost' },
)
export type InstanceSnapshotPost = Static<typeof InstanceSnapshotPost>

/** A snapshot as the API shows it. */
export const InstanceSnapshot = Type.Object(
  {
    architecture: Type.String(),
    config: StringMap,
    created_at: Timestamp,
    last_used_at: Timestamp,
    expires_at: Timestamp,
    devices: Devices,
    ephemeral: Type.Boolean(),
    expanded_config: Type.Optional(StringMap),
    expanded_devices: Type.Optional(Devices),
    name: Type.String(),
    profiles: StringList,
    stateful: Type.Boolean(),
    size: Type.Integer({ description: 'Bytes of the snapshot; below zero where that is not known' }),
  },
  { title: 'InstanceSnapshot' },
)
export type InstanceSnapshot = Static<typeof InstanceSnapshot>

/** An instance as the API shows it. */
export const Instance = Type.Object(
  {
    ...InstancePut.properties,
    restore: Type.Optional(Type.String()),
    name: Type.String(),
    type: Type.String(),
    status: Type.String(),
    status_code: StatusCode,
    created_at: Timestamp,
    last_used_at: Timestamp,
    location: Type.String({ description: 'Cluster member it runs on, none outside a cluster' }),
    project: Type.String(),
    expanded_config: StringMap,
    expanded_devices: Devices,
  },
  { title: 'Instance' },
)
export type Instance = Static<typeof Instance>

const InstanceStateNetworkAddress = Type.Object(
  { family: Type.String(), address: Type.String(), netmask: Type.String(), scope: Type.String() },
  { title: 'InstanceStateNetworkAddress' },
)

const InstanceStateNetworkCounters = Type.Object(
  {
    bytes_received: Type.Integer(),
    bytes_sent: Type.Integer(),
    packets_received: Type.Integer(),
    packets_sent: Type.Integer(),
    errors_received: Type.Integer(),
    errors_sent: Type.Integer(),
    packets_dropped_outbound: Type.Integer(),
    packets_dropped_inbound: Type.Integer(),
  },
  { title: 'InstanceStateNetworkCounters' },
)

/** One interface of a running instance. */
export const InstanceStateNetwork = Type.Object(
  {
    addresses: Type.Array(InstanceStateNetworkAddress),
    counters: InstanceStateNetworkCounters,
    hwaddr: Type.String(),
    host_name: Type.String({ description: "Name of the host's end" }),
    mtu: Type.Integer(),
    state: Type.String({ description: 'up or down' }),
    type: Type.String({ description: 'One of broadcast, loopback and unknown' }),
  },
  { title: 'InstanceStateNetwork' },
)
export type InstanceStateNetwork = Static<typeof InstanceStateNetwork>

const InstanceStateDisk = Type.Object({ usage: Type.Integer() }, { title: 'InstanceStateDisk' })
const InstanceStateCpu = Type.Object(
  { usage: Type.Integer({ description: 'Nanoseconds of processor time' }) },
  { title: 'InstanceStateCPU' },
)
const InstanceStateMemory = Type.Object(
  { usage: Count, usage_peak: Count, swap_usage: Count, swap_usage_peak: Count },
  { title: 'InstanceStateMemory' },
)

/** What an instance is doing and using. Where it is stopped, `network` is null. */
export const InstanceState = Type.Object(
  {
    status: Type.String(),
    status_code: StatusCode,
    disk: Type.Union([Type.Record(Type.String(), InstanceStateDisk), Type.Null()]),
    memory: InstanceStateMemory,
    network: Type.Union([Type.Record(Type.String(), InstanceStateNetwork), Type.Null()]),
    pid: Type.Integer({ description: 'Process id of its init on the host, 0 where it is stopped' }),
    processes: Type.Integer({ description: 'How many processes it runs, -1 where that can not be told' }),
    cpu: InstanceStateCpu,
  },
  { title: 'InstanceState' },
)
export type InstanceState = Static<typeof InstanceState>

const InstanceBackup = Type.Object(
  {
    name: Type.String(),
    created_at: Timestamp,
    expires_at: Timestamp,
    instance_only: Type.Boolean(),
    container_only: Type.Boolean(),
    optimized_storage: Type.Boolean(),
  },
  { title: 'InstanceBackup' },
)

/** An instance with its state, snapshots and backups: what `recursion=2` lists. */
export const InstanceFull = Type.Object(
  {
    ...Instance.properties,
    backups: Type.Union([Type.Array(InstanceBackup), Type.Null()]),
    state: Type.Union([InstanceState, Type.Null()]),
    snapshots: Type.Union([Type.Array(InstanceSnapshot), Type.Null()]),
  },
  { title: 'InstanceFull' },
)
export type InstanceFull = Static<typeof InstanceFull>
