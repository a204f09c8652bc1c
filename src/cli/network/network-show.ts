import { getNetwork } from '#client/networks.ts'

import { command, textFlag } from '../command.ts'
import { arrange } from '../shape.ts'
import { writeYaml } from '../yaml.ts'
import { networkShape } from './network-shapes.ts'

export const networkShow = command({
  name: 'network show',
  usage: '[<remote>:]<network>',
  doc: 'Show network configurations',
  flags: { target: textFlag('Cluster member name') },
  args: [1, 1],
  async run({ args, remotes, at }) {
    const { connection, name } = remotes.named(args[0]!, 'network name')
    const { network } = await getNetwork(connection, name)
    const used_by = [...(network.used_by ?? [])].sort()
    at.print(writeYaml(arrange(networkShape, { ...network, used_by })))
  },
})
