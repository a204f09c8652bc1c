import { listIdentities, type Identity } from '#client/auth.ts'

import { command } from '../command.ts'
import { compareRows } from '../natural-order.ts'
import { arrangeFor, list } from '../shape.ts'
import { formatFlag, renderList } from '../table.ts'
import { identityShape } from './auth-shapes.ts'

export const authIdentityList = command({
  name: 'auth identity list',
  aliases: ['ls'],
  usage: '[<remote>:]',
  doc: 'List identities',
  flags: { format: formatFlag },
  args: [0, 1],
  async run({ args, flags, remotes, at }) {
    const identities = await listIdentities(remotes.at(args[0] ?? '').connection)
    at.print(
      await renderList(flags.format, {
        header: ['AUTHENTICATION METHOD', 'TYPE', 'NAME', 'IDENTIFIER', 'GROUPS'],
        rows: identities.map(rowOf).sort(compareRows),
        raw: arrangeFor(flags.format, list(identityShape), identities),
      }),
    )
  },
})

function rowOf({ authentication_method, type, name, id, groups }: Identity): string[] {
  return [authentication_method, type, name, id, (groups ?? []).join('\n')]
}
