import { unavailable } from '#base/failure.ts'

import { path, readText, type Connection } from './connection.ts'
import type { Operation } from './operations.ts'

/** Settings by name. */
export type Config = Readonly<Record<string, string>>
export type Devices = Readonly<Record<string, Config>>

/** What a caller may change of an instance. */
export interface InstancePut {
  readonly architecture: string
  readonly config: Config
  readonly devices: Devices
  readonly ephemeral: boolean
  readonly profiles: readonly string[] | null
  readonly stateful: boolean
  readonly description: string
}

/** An instance. Times are RFC 3339. */
export interface Instance extends InstancePut {
  readonly name: string
  readonly created_at: string
  readonly expanded_config: Config | null
  readonly expanded_devices: Devices | null
  readonly status: string
  readonly status_code: number
  readonly last_used_at: string
  readonly location: string
  readonly type: string
  readonly project: string
}

/** An address of an interface, `netmask` being the prefix length. */
export interface InstanceAddress {
  readonly family: string
  readonly address: string
  readonly netmask: string
  readonly scope: string
}

export interface InstanceInterface {
  readonly addresses: readonly InstanceAddress[] | null
  readonly counters: Readonly<Record<string, number>>
  readonly hwaddr: string
  readonly host_name: string
  readonly mtu: number
  readonly state: string
  readonly type: string
}

/** What an instance does at the moment. Memory and disk are in bytes, CPU in nanoseconds. */
export interface InstanceState {
  readonly status: string
  readonly status_code: number
  readonly disk: Readonly<Record<string, { readonly usage: number; readonly total?: number }>> | null
  readonly memory: {
    readonly usage: number
    readonly usage_peak: number
    readonly swap_usage: number
    readonly swap_usage_peak: number
  }
  readonly network: Readonly<Record<string, InstanceInterface>> | null
  readonly pid: number
  readonly processes: number
  readonly cpu: { readonly usage: number }
}

export interface InstanceSnapshot {
  readonly name: string
  readonly created_at: string
  readonly expires_at: string
  readonly stateful: boolean
}

/** An instance with what belongs to it, as `recursion=2` gives it. */
export interface InstanceFull extends Instance {
  readonly state: InstanceState | null
  readonly snapshots: readonly InstanceSnapshot[] | null
  readonly backups: readonly unknown[] | null
}

/** What is asked for to make an instance. */
export interface InstancesPost extends Partial<InstancePut> {
  readonly name: string
  readonly source: Readonly<Record<string, unknown>>
  readonly instance_type?: string
  readonly type: string
}

export interface ListInstancesOptions {
  readonly allProjects?: boolean
}

/** All instances, without their state. */
export async function listInstances(connection: Connection, options: ListInstancesOptions = {}): Promise<Instance[]> {
  const query = { recursion: 1, 'all-projects': options.allProjects ?? false }
  return (await connection.get<Instance[] | null>('/1.0/instances', { query })) ?? []
}

/** All instances with their state, snapshots and backups. */
export async function listInstancesFull(
  connection: Connection,
  options: ListInstancesOptions = {},
): Promise<InstanceFull[]> {
  const query = { recursion: 2, 'all-projects': options.allProjects ?? false }
  return (await connection.get<InstanceFull[] | null>('/1.0/instances', { query })) ?? []
}

export async function getInstance(
  connection: Connection,
  name: string,
): Promise<{ readonly instance: Instance; readonly etag: string | undefined }> {
  const reply = await connection.request<Instance>('GET', path`/1.0/instances/${name}`)
  return { instance: reply.metadata, etag: reply.etag }
}

/** An instance with its state, snapshots and backups. */
export async function getInstanceFull(connection: Connection, name: string): Promise<InstanceFull> {
  return await connection.get<InstanceFull>(path`/1.0/instances/${name}`, { query: { recursion: 1 } })
}

export async function getInstanceState(connection: Connection, name: string): Promise<InstanceState> {
  return await connection.get<InstanceState>(path`/1.0/instances/${name}/state`)
}

/** Starts to make an instance. */
export async function createInstance(connection: Connection, post: InstancesPost, target?: string): Promise<Operation> {
  const reply = await connection.request<Operation>('POST', '/1.0/instances', post, { query: { target } })
  return reply.metadata
}

/** What a change of state asks for; `timeout` is in seconds, -1 waits for ever. */
export interface StatePut {
  readonly action: 'start' | 'stop' | 'restart' | 'freeze' | 'unfreeze'
  readonly timeout: number
  readonly force: boolean
  readonly stateful: boolean
}

/** Starts to change whether an instance runs. */
export async function changeState(connection: Connection, name: string, state: StatePut): Promise<Operation> {
  const reply = await connection.request<Operation>('PUT', path`/1.0/instances/${name}/state`, state)
  return reply.metadata
}

/** Starts to change whether instances run, for all of the project's at once. */
export async function changeStateOfAll(connection: Connection, state: StatePut): Promise<Operation> {
  const reply = await connection.request<Operation>('PUT', '/1.0/instances', { state })
  return reply.metadata
}

/** Starts to replace what may be changed of an instance; refused when it has changed since `etag`. */
export async function updateInstance(
  connection: Connection,
  name: string,
  put: InstancePut,
  etag?: string,
): Promise<Operation> {
  const reply = await connection.request<Operation>('PUT', path`/1.0/instances/${name}`, put, { etag })
  return reply.metadata
}

/** Starts to give an instance another name. */
export async function renameInstance(connection: Connection, name: string, to: string): Promise<Operation> {
  const reply = await connection.request<Operation>('POST', path`/1.0/instances/${name}`, { name: to })
  return reply.metadata
}

/** Starts to delete an instance. */
export async function deleteInstance(connection: Connection, name: string): Promise<Operation> {
  const reply = await connection.request<Operation>('DELETE', path`/1.0/instances/${name}`)
  return reply.metadata
}

/** A log file of an instance as text. */
export async function readInstanceLog(connection: Connection, name: string, file: string): Promise<string> {
  await using reply = await connection.open('GET', path`/1.0/instances/${name}/logs/${file}`)
  const text = await readText(reply.body)
  if (reply.status !== 200) throw unavailable(`Cannot read log "${file}" of instance "${name}"`)
  return text
}
