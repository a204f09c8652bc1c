import type { Connection } from '#client/connection.ts'
import { arrange, fields, list, map } from '../shape.ts'
import { writeYaml } from '../yaml.ts'
import type { Preseed } from './preseed.ts'

const config = map('text')

/** A preseed in the order in which LXD writes one. */
const shape = {
  config,
  networks: list(fields({ config, description: 'text', name: 'text', type: 'text', project: 'text' })),
  storage_pools: list(fields({ config, description: 'text', name: 'text', driver: 'text' })),
  profiles: list(fields({ config, description: 'text', devices: map(config), name: 'text' })),
  projects: list(fields({ config, description: 'text', name: 'text' })),
}

/** How the server is set up, as a preseed that would set another one up alike. */
export async function dump(daemon: Connection): Promise<string> {
  const all = async (path: string): Promise<Record<string, unknown>[]> =>
    await daemon.get(path, { query: { recursion: 1 } })
  const [server, networks, pools, profiles, projects] = await Promise.all([
    daemon.get<{ config: unknown }>('/1.0'),
    all('/1.0/networks'),
    all('/1.0/storage-pools'),
    all('/1.0/profiles'),
    all('/1.0/projects'),
  ])
  const managed = networks
    .filter((network) => network['managed'])
    .map((network) => ({ ...network, project: 'default' }))
  const document = { config: server.config, networks: managed, storage_pools: pools, profiles, projects }
  return `${writeYaml(arrange(fields(shape), document))}\n`
}

/** A preseed that was put together here, as it would be read. */
export function writePreseed(preseed: Preseed): string {
  const { pools, networks, ...rest } = preseed
  const document = {
    ...rest,
    networks: networks.map((network) => ({ ...network, project: network.project ?? 'default' })),
    storage_pools: pools.map(({ type, ...pool }) => ({ ...pool, driver: type })),
  }
  return `${writeYaml(arrange(fields(shape), document))}\n`
}
