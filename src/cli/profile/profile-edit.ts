import { getProfile, updateProfile, type ProfilePut } from '#client/profiles.ts'

import { command } from '../command.ts'
import { edit } from '../edit.ts'
import { profilePut } from './profile-shapes.ts'

export const profileEdit = command({
  name: 'profile edit',
  usage: '[<remote>:]<profile>',
  doc: 'Edit profile configurations as YAML',
  examples: [
    { command: 'lxc profile edit <profile> < profile.yaml', doc: 'Update a profile using the content of profile.yaml' },
  ],
  flags: {},
  args: [1, 1],
  async run({ args, remotes, at }) {
    const { connection, name } = remotes.named(args[0]!, 'profile name')
    let etag: string | undefined

    await edit({
      at,
      shape: profilePut,
      help: `A profile: settings (config), its description, and devices by name, such as

config:
  limits.memory: 1GiB
devices:
  eth0:
    network: lxdbr0
    type: nic`,
      load: async () => {
        const got = await getProfile(connection, name)
        etag = got.etag
        return got.profile
      },
      save: async (document) => {
        const put: ProfilePut = { config: {}, description: '', devices: {}, ...document }
        await updateProfile(connection, name, put, etag)
      },
    })
  },
})
