import { getInstance, updateInstance } from '#client/instances.ts'
import { waitOperation } from '#client/operations.ts'

import { command } from '../command.ts'
import { findNetworkDevice } from './network-device.ts'

export const networkDetach = command({
  name: 'network detach',
  usage: '[<remote>:]<network> <instance> [<device name>]',
  doc: 'Detach network interfaces from instances',
  flags: {},
  args: [2, 3],
  async run({ args, remotes }) {
    const { connection, name } = remotes.named(args[0]!, 'network name')
    const instanceName = args[1]!

    const { instance, etag } = await getInstance(connection, instanceName)
    const device = findNetworkDevice(instance.devices, name, args[2])
    const devices = Object.fromEntries(Object.entries(instance.devices).filter(([other]) => other !== device))
    await waitOperation(connection, await updateInstance(connection, instanceName, { ...instance, devices }, etag))
  },
})
