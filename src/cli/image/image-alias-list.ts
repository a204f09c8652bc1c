import { listImageAliases } from '#client/images.ts'

import { command } from '../command.ts'
import { compareRows } from '../natural-order.ts'
import { arrangeFor, list } from '../shape.ts'
import { formatFlag, renderList } from '../table.ts'
import { aliasShape } from './image-shapes.ts'

export const imageAliasList = command({
  name: 'image alias list',
  aliases: ['ls'],
  usage: '[<remote>:] [<filters>...]',
  doc: 'List image aliases',
  details: 'A filter is the beginning of a fingerprint or a part of an alias.',
  flags: { format: formatFlag },
  args: [0, Infinity],
  async run({ args, flags, remotes, at }) {
    const [first, ...more] = args
    const named = first?.includes(':') ? remotes.at(first, 'images') : undefined
    const connection = named?.connection ?? remotes.connect(remotes.default, 'images')
    const filters = named === undefined ? args : named.name === '' ? more : [named.name, ...more]

    const aliases = (await listImageAliases(connection)).filter(({ name, target }) =>
      filters.every((filter) => name.includes(filter) || target.includes(filter)),
    )
    const rows = aliases.map(({ name, target, type, description }) => [
      name,
      target.slice(0, 12),
      (type || 'container').toUpperCase(),
      description,
    ])
    at.print(
      await renderList(flags.format, {
        header: ['ALIAS', 'FINGERPRINT', 'TYPE', 'DESCRIPTION'],
        rows: rows.sort(compareRows),
        raw: arrangeFor(flags.format, list(aliasShape), aliases),
      }),
    )
  },
})
