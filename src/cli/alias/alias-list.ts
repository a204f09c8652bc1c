import { command } from '../command.ts'
import { compareRows } from '../natural-order.ts'
import { arrangeFor, map } from '../shape.ts'
import { formatFlag, renderList } from '../table.ts'

export const aliasList = command({
  name: 'alias list',
  aliases: ['ls'],
  usage: '',
  doc: 'List aliases',
  flags: { format: formatFlag },
  args: [0, 0],
  async run({ flags, remotes, at }) {
    const { aliases } = remotes.config
    at.print(
      await renderList(flags.format, {
        header: ['ALIAS', 'TARGET'],
        rows: Object.entries(aliases).sort(compareRows),
        raw: arrangeFor(flags.format, map('text'), aliases),
      }),
    )
  },
})
