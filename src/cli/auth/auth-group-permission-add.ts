import { conflict } from '#base/failure.ts'
import { getAuthGroup, updateAuthGroup } from '#client/auth.ts'

import { command } from '../command.ts'
import { readPermission, samePermission } from './permission-args.ts'

export const authGroupPermissionAdd = command({
  name: 'auth group permission add',
  usage: '[<remote>:]<group> <entity_type> [<entity_name>] <entitlement>',
  doc: 'Add permissions to groups',
  examples: [
    { command: 'lxc auth group permission add g1 server viewer' },
    { command: 'lxc auth group permission add g1 project build operator' },
  ],
  flags: {},
  args: [3, 4],
  async run({ args, remotes }) {
    const { connection, name } = remotes.named(args[0]!, 'group name')
    const permission = readPermission(args.slice(1))
    const { value, etag } = await getAuthGroup(connection, name)
    const has = value.permissions ?? []

    if (has.some((one) => samePermission(one, permission))) {
      throw conflict(`Group ${name} already has the permission`)
    }
    await updateAuthGroup(connection, name, { ...value, permissions: [...has, permission] }, etag)
  },
})
