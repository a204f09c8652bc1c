import { badRequest } from '#base/failure.ts'
import { getInstance, updateInstance } from '#client/instances.ts'
import { getNetwork } from '#client/networks.ts'
import { waitOperation } from '#client/operations.ts'

import { command } from '../command.ts'
import { networkDevice } from './network-device.ts'

export const networkAttach = command({
  name: 'network attach',
  usage: '[<remote>:]<network> <instance> [<device name>] [<interface name>]',
  doc: 'Attach new network interfaces to instances',
  flags: {},
  args: [2, 4],
  async run({ args, remotes }) {
    const { connection, name } = remotes.named(args[0]!, 'network name')
    const [, instanceName = '', device = name, inside = args[2]] = args

    const { network } = await getNetwork(connection, name)
    const { instance, etag } = await getInstance(connection, instanceName)
    if (Object.hasOwn(instance.devices, device)) throw badRequest(`Device already exists: ${device}`)

    const devices = { ...instance.devices, [device]: networkDevice(network, inside) }
    await waitOperation(connection, await updateInstance(connection, instanceName, { ...instance, devices }, etag))
  },
})
