import { getProfile, updateProfile } from '#client/profiles.ts'

import { command } from '../command.ts'
import { findNetworkDevice } from './network-device.ts'

export const networkDetachProfile = command({
  name: 'network detach-profile',
  usage: '[<remote>:]<network> <profile> [<device name>]',
  doc: 'Detach network interfaces from profiles',
  flags: {},
  args: [2, 3],
  async run({ args, remotes }) {
    const { connection, name } = remotes.named(args[0]!, 'network name')
    const profileName = args[1]!

    const { profile, etag } = await getProfile(connection, profileName)
    const device = findNetworkDevice(profile.devices, name, args[2])
    const devices = Object.fromEntries(Object.entries(profile.devices).filter(([other]) => other !== device))
    await updateProfile(connection, profileName, { ...profile, devices }, etag)
  },
})
