import { listAuthGroups } from '#client/auth.ts'

import { command } from '../command.ts'
import { compareRows } from '../natural-order.ts'
import { arrangeFor, list } from '../shape.ts'
import { formatFlag, renderList } from '../table.ts'
import { authGroupShape } from './auth-shapes.ts'

export const authGroupList = command({
  name: 'auth group list',
  aliases: ['ls'],
  usage: '[<remote>:]',
  doc: 'List groups',
  flags: { format: formatFlag },
  args: [0, 1],
  async run({ args, flags, remotes, at }) {
    const groups = await listAuthGroups(remotes.at(args[0] ?? '').connection)
    at.print(
      await renderList(flags.format, {
        header: ['NAME', 'DESCRIPTION'],
        rows: groups.map(({ name, description }) => [name, description]).sort(compareRows),
        raw: arrangeFor(flags.format, list(authGroupShape), groups),
      }),
    )
  },
})
