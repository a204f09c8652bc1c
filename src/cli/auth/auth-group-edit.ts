import { getAuthGroup, updateAuthGroup } from '#client/auth.ts'

import { command } from '../command.ts'
import { edit } from '../edit.ts'
import { authGroupPut } from './auth-shapes.ts'

export const authGroupEdit = command({
  name: 'auth group edit',
  usage: '[<remote>:]<group>',
  doc: 'Edit groups as YAML',
  examples: [
    { command: 'lxc auth group edit <group> < group.yaml', doc: 'Update a group using the content of group.yaml' },
  ],
  flags: {},
  args: [1, 1],
  async run({ args, remotes, at }) {
    const { connection, name } = remotes.named(args[0]!, 'group name')
    let etag: string | undefined

    await edit({
      at,
      shape: authGroupPut,
      help: `A group: its description, and what its members may do, such as

description: Runs the build machines
permissions:
- entity_type: project
  url: /1.0/projects/build
  entitlement: operator`,
      load: async () => {
        const got = await getAuthGroup(connection, name)
        etag = got.etag
        return got.value
      },
      save: async (document) => {
        await updateAuthGroup(connection, name, { description: '', permissions: [], ...document }, etag)
      },
    })
  },
})
