import type { Connection } from '#client/connection.ts'
import type { Config } from './preseed.ts'

/** What is set up on a server already, as far as setting it up goes. */
export interface ServerState {
  readonly config: Config
  /** Storage drivers that work there. */
  readonly drivers: readonly string[]
  readonly pools: readonly string[]
  readonly networks: readonly { readonly name: string; readonly managed: boolean; readonly type: string }[]
  /** Names of the devices of the profile "default". */
  readonly devices: readonly string[]
}

interface Server {
  readonly config: Config
  readonly environment: { readonly storage_supported_drivers: readonly { readonly Name: string }[] }
}

export async function readServerState(daemon: Connection): Promise<ServerState> {
  const [server, pools, networks, profile] = await Promise.all([
    daemon.get<Server>('/1.0'),
    daemon.get<{ name: string }[]>('/1.0/storage-pools', { query: { recursion: 1 } }),
    daemon.get<ServerState['networks']>('/1.0/networks', { query: { recursion: 1 } }),
    daemon.get<{ devices: Record<string, Config> | null }>('/1.0/profiles/default'),
  ])
  return {
    config: server.config,
    drivers: server.environment.storage_supported_drivers.map(({ Name }) => Name),
    pools: pools.map(({ name }) => name),
    networks,
    devices: Object.keys(profile.devices ?? {}),
  }
}

/** The storage driver for those who have no wish of their own: instances in no time, where the kernel can. */
export function preferredDriver({ drivers }: Pick<ServerState, 'drivers'>): string {
  return drivers.includes('overlay') ? 'overlay' : 'dir'
}

/** `lxdbr0`, or the first name like it that no network and no link has. */
export function freeBridgeName({ networks }: Pick<ServerState, 'networks'>): string {
  for (let number = 0; ; number++) {
    const name = `lxdbr${number}`
    if (!networks.some((network) => network.name === name)) return name
  }
}
