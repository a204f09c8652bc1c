import { getNetwork, updateNetwork } from '#client/networks.ts'

import { command, textFlag } from '../command.ts'
import { applyPairs, readPairs } from '../pairs.ts'

export const networkSet = command({
  name: 'network set',
  usage: '[<remote>:]<network> <key>=<value>...',
  doc: 'Set network configuration keys',
  details: `A single key may also be set with:
    lxc network set [<remote>:]<network> <key> <value>`,
  flags: { target: textFlag('Cluster member name') },
  args: [2, Infinity],
  async run({ args, remotes, at }) {
    const { connection, name } = remotes.named(args[0]!, 'network name')
    const pairs = readPairs(args.slice(1), at)

    const { network, etag } = await getNetwork(connection, name)
    await updateNetwork(connection, name, { ...network, config: applyPairs(network.config, pairs) }, etag)
  },
})
