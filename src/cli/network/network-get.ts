import { getNetwork } from '#client/networks.ts'

import { command, textFlag } from '../command.ts'

export const networkGet = command({
  name: 'network get',
  usage: '[<remote>:]<network> <key>',
  doc: 'Get values for network configuration keys',
  flags: { target: textFlag('Cluster member name') },
  args: [2, 2],
  async run({ args, remotes, at }) {
    const { connection, name } = remotes.named(args[0]!, 'network name')
    const { network } = await getNetwork(connection, name)
    at.print(`${network.config[args[1]!] ?? ''}\n`)
  },
})
