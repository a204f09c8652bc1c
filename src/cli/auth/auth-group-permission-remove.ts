import { notFound } from '#base/failure.ts'
import { getAuthGroup, updateAuthGroup } from '#client/auth.ts'

import { command } from '../command.ts'
import { readPermission, samePermission } from './permission-args.ts'

export const authGroupPermissionRemove = command({
  name: 'auth group permission remove',
  aliases: ['rm'],
  usage: '[<remote>:]<group> <entity_type> [<entity_name>] <entitlement>',
  doc: 'Remove permissions from groups',
  examples: [
    { command: 'lxc auth group permission remove g1 server viewer' },
    { command: 'lxc auth group permission remove g1 project build operator' },
  ],
  flags: {},
  args: [3, 4],
  async run({ args, remotes }) {
    const { connection, name } = remotes.named(args[0]!, 'group name')
    const permission = readPermission(args.slice(1))
    const { value, etag } = await getAuthGroup(connection, name)
    const has = value.permissions ?? []

    const left = has.filter((one) => !samePermission(one, permission))
    if (left.length === has.length) throw notFound(`Group ${name} does not have the permission`)
    await updateAuthGroup(connection, name, { ...value, permissions: left }, etag)
  },
})
