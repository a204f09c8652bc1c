import { path, type Connection } from './connection.ts'
import type { Config, InstanceAddress } from './instances.ts'

/** What a caller may change of a network. */
export interface NetworkPut {
  readonly config: Config
  readonly description: string
}

export interface Network extends NetworkPut {
  readonly name: string
  readonly type: string
  readonly used_by: readonly string[] | null
  readonly managed: boolean
  readonly status: string
  readonly locations: readonly string[] | null
}

/** What an interface of the host does at the moment. */
export interface NetworkState {
  readonly addresses: readonly InstanceAddress[] | null
  readonly counters: {
    readonly bytes_received: number
    readonly bytes_sent: number
    readonly packets_received: number
    readonly packets_sent: number
  }
  readonly hwaddr: string
  readonly mtu: number
  readonly state: string
  readonly type: string
  readonly bond: Readonly<Record<string, unknown>> | null
  readonly bridge: NetworkBridge | null
  readonly vlan: { readonly lower_device: string; readonly vid: number } | null
}

export interface NetworkBridge {
  readonly id: string
  readonly stp: boolean
  readonly forward_delay: number
  readonly vlan_default: number
  readonly vlan_filtering: boolean
  readonly upper_devices: readonly string[] | null
}

/** An address that is taken on a network. */
export interface NetworkLease {
  readonly hostname: string
  readonly hwaddr: string
  readonly address: string
  readonly type: string
  readonly location: string
}

export async function listNetworks(connection: Connection): Promise<Network[]> {
  return (await connection.get<Network[] | null>('/1.0/networks', { query: { recursion: 1 } })) ?? []
}

export async function getNetwork(
  connection: Connection,
  name: string,
): Promise<{ readonly network: Network; readonly etag: string | undefined }> {
  const reply = await connection.request<Network>('GET', path`/1.0/networks/${name}`)
  return { network: reply.metadata, etag: reply.etag }
}

export async function getNetworkState(connection: Connection, name: string): Promise<NetworkState> {
  return await connection.get<NetworkState>(path`/1.0/networks/${name}/state`)
}

export async function listNetworkLeases(connection: Connection, name: string): Promise<NetworkLease[]> {
  return (await connection.get<NetworkLease[] | null>(path`/1.0/networks/${name}/leases`)) ?? []
}

export async function createNetwork(
  connection: Connection,
  network: { readonly name: string; readonly type: string; readonly config: Config },
  target?: string,
): Promise<void> {
  await connection.request('POST', '/1.0/networks', { description: '', ...network }, { query: { target } })
}

/** Replaces what may be changed of a network; refused when it has changed since `etag`. */
export async function updateNetwork(
  connection: Connection,
  name: string,
  { config, description }: NetworkPut,
  etag?: string,
): Promise<void> {
  await connection.request('PUT', path`/1.0/networks/${name}`, { config, description }, { etag })
}

export async function renameNetwork(connection: Connection, name: string, to: string): Promise<void> {
  await connection.request('POST', path`/1.0/networks/${name}`, { name: to })
}

export async function deleteNetwork(connection: Connection, name: string): Promise<void> {
  await connection.request('DELETE', path`/1.0/networks/${name}`)
}
