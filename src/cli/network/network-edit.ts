import { getNetwork, updateNetwork, type NetworkPut } from '#client/networks.ts'

import { command } from '../command.ts'
import { edit } from '../edit.ts'
import { networkPut } from './network-shapes.ts'

export const networkEdit = command({
  name: 'network edit',
  usage: '[<remote>:]<network>',
  doc: 'Edit network configurations as YAML',
  flags: {},
  args: [1, 1],
  async run({ args, remotes, at }) {
    const { connection, name } = remotes.named(args[0]!, 'network name')
    let etag: string | undefined

    await edit({
      at,
      shape: networkPut,
      help: `A network: its settings (config) and its description, such as

config:
  ipv4.address: 10.62.42.1/24
  ipv4.nat: "true"
description: For the test machines`,
      load: async () => {
        const got = await getNetwork(connection, name)
        etag = got.etag
        return got.network
      },
      save: async (document) => {
        const put: NetworkPut = { config: {}, description: '', ...document }
        await updateNetwork(connection, name, put, etag)
      },
    })
  },
})
