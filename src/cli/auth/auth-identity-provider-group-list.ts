import { listIdentityProviderGroups } from '#client/auth.ts'

import { command } from '../command.ts'
import { compareRows } from '../natural-order.ts'
import { arrangeFor, list } from '../shape.ts'
import { formatFlag, renderList } from '../table.ts'
import { identityProviderGroupShape } from './auth-shapes.ts'

export const authIdentityProviderGroupList = command({
  name: 'auth identity-provider-group list',
  aliases: ['ls'],
  usage: '[<remote>:]',
  doc: 'List identity provider groups',
  flags: { format: formatFlag },
  args: [0, 1],
  async run({ args, flags, remotes, at }) {
    const groups = await listIdentityProviderGroups(remotes.at(args[0] ?? '').connection)
    at.print(
      await renderList(flags.format, {
        header: ['NAME', 'GROUPS'],
        rows: groups.map(({ name, groups: mapped }) => [name, (mapped ?? []).join('\n')]).sort(compareRows),
        raw: arrangeFor(flags.format, list(identityProviderGroupShape), groups),
      }),
    )
  },
})
