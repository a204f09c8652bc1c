import type { Connection } from '#client/connection.ts'
import { getInstance, updateInstance, type Config } from '#client/instances.ts'
import { waitOperation } from '#client/operations.ts'
import { getServer, updateServer } from '#client/server.ts'

import { textFlag } from '../command.ts'

/** Flag of commands that may be about one member of a cluster. */
export const targetFlag = textFlag('Cluster member name')

/** Settings that can be read and replaced, of an instance or of the server. */
export interface ConfigTarget {
  readonly config: Config
  /** With what its profiles add. */
  readonly expanded: Config
  readonly save: (config: Config) => Promise<void>
}

/** The settings of the instance called `name`; those of the server where it is empty. */
export async function openConfig(connection: Connection, name: string): Promise<ConfigTarget> {
  return name === '' ? await openServer(connection) : await openInstance(connection, name)
}

async function openInstance(connection: Connection, name: string): Promise<ConfigTarget> {
  const { instance, etag } = await getInstance(connection, name)
  return {
    config: instance.config,
    expanded: instance.expanded_config ?? instance.config,
    save: async (config) => {
      await waitOperation(connection, await updateInstance(connection, name, { ...instance, config }, etag))
    },
  }
}

async function openServer(connection: Connection): Promise<ConfigTarget> {
  const { server, etag } = await getServer(connection)
  const config = Object.fromEntries(Object.entries(server.config ?? {}).map(([key, value]) => [key, String(value)]))
  return { config, expanded: config, save: async (changed) => await updateServer(connection, changed, etag) }
}
