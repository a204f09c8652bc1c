import { listOperations } from '#client/operations.ts'

import { command } from '../command.ts'
import { formatTime } from '../format.ts'
import { compareRows } from '../natural-order.ts'
import { arrangeFor, list } from '../shape.ts'
import { formatFlag, renderList } from '../table.ts'
import { operationShape } from './operation-shape.ts'

export const operationList = command({
  name: 'operation list',
  aliases: ['ls'],
  usage: '[<remote>:]',
  doc: 'List background operations',
  flags: { format: formatFlag },
  args: [0, 1],
  async run({ args, flags, remotes, at }) {
    const { connection } = remotes.at(args[0] ?? '')
    const operations = await listOperations(connection)

    const clustered = operations.some(({ location }) => location !== '' && location !== 'none')
    const rows = operations.map((one) => [
      one.id,
      one.class.toUpperCase(),
      one.description,
      one.status.toUpperCase(),
      one.may_cancel ? 'YES' : 'NO',
      formatTime(one.created_at),
      ...(clustered ? [one.location] : []),
    ])
    at.print(
      await renderList(flags.format, {
        header: ['ID', 'TYPE', 'DESCRIPTION', 'STATUS', 'CANCELABLE', 'CREATED', ...(clustered ? ['LOCATION'] : [])],
        rows: rows.sort(compareRows),
        raw: arrangeFor(flags.format, list(operationShape), operations),
      }),
    )
  },
})
