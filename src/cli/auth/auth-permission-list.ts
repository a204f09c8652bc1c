import { badRequest } from '#base/failure.ts'
import { listPermissions, type PermissionInfo } from '#client/auth.ts'

import { command } from '../command.ts'
import { compareRows } from '../natural-order.ts'
import { splitPair } from '../pairs.ts'
import { arrangeFor, list } from '../shape.ts'
import { formatFlag, renderList } from '../table.ts'
import { permissionShape } from './auth-shapes.ts'

export const authPermissionList = command({
  name: 'auth permission list',
  aliases: ['ls'],
  usage: '[<remote>:] [project=<project>] [entity_type=<entity_type>]',
  doc: 'List permissions',
  flags: { format: formatFlag },
  args: [0, 3],
  async run({ args, flags, remotes, at }) {
    const filters = args.filter((word) => word.includes('='))
    const [remote = '', ...more] = args.filter((word) => !word.includes('='))
    if (more.length > 0) throw badRequest(`Invalid filter "${more[0]!}": expected project=… or entity_type=…`)

    const permissions = await listPermissions(remotes.at(remote).connection, readFilters(filters))
    at.print(
      await renderList(flags.format, {
        header: ['ENTITY TYPE', 'URL', 'ENTITLEMENT', 'GROUPS'],
        rows: permissions.map(rowOf).sort(compareRows),
        raw: arrangeFor(flags.format, list(permissionShape), permissions),
      }),
    )
  },
})

function readFilters(filters: readonly string[]): { entityType?: string; project?: string } {
  const read: { entityType?: string; project?: string } = {}
  for (const filter of filters) {
    const [key, value] = splitPair(filter, '')
    if (key === 'project') read.project = value
    else if (key === 'entity_type') read.entityType = value
    else throw badRequest(`Invalid filter "${filter}": expected project=… or entity_type=…`)
  }
  return read
}

function rowOf({ entity_type, url, entitlement, groups }: PermissionInfo): string[] {
  return [entity_type, url, entitlement, (groups ?? []).join(',')]
}
