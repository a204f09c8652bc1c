import type { Connection } from '#client/connection.ts'
import { getInstance, updateInstance, type InstancePut } from '#client/instances.ts'
import { waitOperation } from '#client/operations.ts'
import { getServer, updateServer } from '#client/server.ts'

import { command } from '../command.ts'
import { edit, type Edit } from '../edit.ts'
import { instancePut } from '../instance/instance-shapes.ts'
import { serverPut } from './config-shapes.ts'
import { targetFlag } from './config-target.ts'

export const configEdit = command({
  name: 'config edit',
  usage: '[<remote>:][<instance>[/<snapshot>]]',
  doc: 'Edit instance or server configurations as YAML',
  examples: [
    {
      command: 'lxc config edit <instance> < instance.yaml',
      doc: 'Update the instance configuration from config.yaml.',
    },
  ],
  flags: { target: targetFlag },
  args: [0, 1],
  async run({ args, remotes, at }) {
    const { connection, name } = remotes.at(args[0] ?? '')
    await edit({ at, ...(name === '' ? serverEdit(connection) : instanceEdit(connection, name)) })
  },
})

type Subject = Omit<Edit, 'at'>

function serverEdit(connection: Connection): Subject {
  let etag: string | undefined
  return {
    shape: serverPut,
    help: `The settings of the server, such as

config:
  images.auto_update_interval: "6"`,
    load: async () => {
      const got = await getServer(connection)
      etag = got.etag
      return got.server
    },
    save: async (document) =>
      await updateServer(connection, (document['config'] ?? {}) as Record<string, string>, etag),
  }
}

function instanceEdit(connection: Connection, name: string): Subject {
  let etag: string | undefined
  return {
    shape: instancePut,
    help: `An instance: its settings (config), its own devices by name, the profiles whose
settings and devices it also has, and whether it goes when it stops (ephemeral).`,
    load: async () => {
      const got = await getInstance(connection, name)
      etag = got.etag
      return got.instance
    },
    save: async (document) => {
      const put = { ...empty, ...document }
      await waitOperation(connection, await updateInstance(connection, name, put, etag))
    },
  }
}

/** What a document leaves out. */
const empty: InstancePut = {
  architecture: '',
  config: {},
  devices: {},
  ephemeral: false,
  profiles: null,
  stateful: false,
  description: '',
}
