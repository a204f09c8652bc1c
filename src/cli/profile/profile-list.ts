import { listProfiles } from '#client/profiles.ts'

import { command } from '../command.ts'
import { compareRows } from '../natural-order.ts'
import { arrangeFor, list } from '../shape.ts'
import { formatFlag, renderList } from '../table.ts'
import { profileShape } from './profile-shapes.ts'

export const profileList = command({
  name: 'profile list',
  aliases: ['ls'],
  usage: '[<remote>:]',
  doc: 'List profiles',
  flags: { format: formatFlag },
  args: [0, 1],
  async run({ args, flags, remotes, at }) {
    const { connection } = remotes.at(args[0] ?? '')
    const profiles = await listProfiles(connection)

    const rows = profiles.map(({ name, description, used_by }) => [name, description, String(used_by?.length ?? 0)])
    at.print(
      await renderList(flags.format, {
        header: ['NAME', 'DESCRIPTION', 'USED BY'],
        rows: rows.sort(compareRows),
        raw: arrangeFor(flags.format, list(profileShape), profiles),
      }),
    )
  },
})
