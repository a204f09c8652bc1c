import { path, type Connection } from './connection.ts'
import type { Config } from './instances.ts'

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

export async function getNetwork(
  connection: Connection,
  name: string,
): Promise<{ readonly network: Network; readonly etag: string | undefined }> {
  const reply = await connection.request<Network>('GET', path`/1.0/networks/${name}`)
  return { network: reply.metadata, etag: reply.etag }
}

/** The device that attaches an instance to a network. `name` is that of the interface inside. */
export function networkDevice(network: Network, name = 'eth0'): Config {
  if (network.managed) return { type: 'nic', network: network.name, name }
  const nictype = network.type === 'bridge' ? 'bridged' : 'macvlan'
  return { type: 'nic', nictype, parent: network.name, name }
}
