import { getNetwork, updateNetwork } from '#client/networks.ts'

import { command, textFlag } from '../command.ts'
import { applyPairs } from '../pairs.ts'

export const networkUnset = command({
  name: 'network unset',
  usage: '[<remote>:]<network> <key>',
  doc: 'Unset network configuration keys',
  flags: { target: textFlag('Cluster member name') },
  args: [2, 2],
  async run({ args, remotes }) {
    const { connection, name } = remotes.named(args[0]!, 'network name')
    const { network, etag } = await getNetwork(connection, name)
    await updateNetwork(connection, name, { ...network, config: applyPairs(network.config, { [args[1]!]: '' }) }, etag)
  },
})
