import { badRequest } from '#base/failure.ts'
import { getNetwork } from '#client/networks.ts'
import { getProfile, updateProfile } from '#client/profiles.ts'

import { command } from '../command.ts'

export const networkAttachProfile = command({
  name: 'network attach-profile',
  usage: '[<remote>:]<network> <profile> [<device name>] [<interface name>]',
  doc: 'Attach network interfaces to profiles',
  flags: {},
  args: [2, 4],
  async run({ args, remotes }) {
    const { connection, name } = remotes.named(args[0]!, 'network name')
    const [, profileName = '', deviceName = name, inside] = args

    const { network } = await getNetwork(connection, name)
    const { profile, etag } = await getProfile(connection, profileName)
    if (Object.hasOwn(profile.devices, deviceName)) throw badRequest(`Device already exists: ${deviceName}`)

    // A profile names its parent even where the network is managed: it may go
    // to projects that know the interface but not the network.
    const nictype = network.type === 'bridge' ? 'bridged' : 'macvlan'
    const device = { type: 'nic', nictype, parent: name, ...(inside === undefined ? {} : { name: inside }) }
    await updateProfile(
      connection,
      profileName,
      { ...profile, devices: { ...profile.devices, [deviceName]: device } },
      etag,
    )
  },
})
