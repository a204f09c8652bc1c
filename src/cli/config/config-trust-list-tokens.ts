import { listTrustTokens, type PendingToken } from '#client/certificates.ts'

import { command } from '../command.ts'
import { formatTime } from '../format.ts'
import { compareRows } from '../natural-order.ts'
import { arrangeFor, fields, list } from '../shape.ts'
import { formatFlag, renderList } from '../table.ts'

/** JSON and YAML have names of their own. */
const shapes = {
  json: fields({ ClientName: 'text', Token: 'text', ExpiresAt: 'text' }),
  yaml: fields({ clientname: 'text', token: 'text', expiresat: 'text' }),
} as const

export const configTrustListTokens = command({
  name: 'config trust list-tokens',
  usage: '[<remote>:]',
  doc: 'List all active certificate add tokens',
  flags: { format: formatFlag },
  args: [0, 1],
  async run({ args, flags, remotes, at }) {
    const { connection } = remotes.at(args[0] ?? '')
    const tokens = await listTrustTokens(connection)
    const rows = tokens.map(rowOf)

    const shape = flags.format === 'yaml' ? shapes.yaml : shapes.json
    const names = Object.keys(shape.fields)
    const raw = rows.map((row) => Object.fromEntries(row.map((cell, column) => [names[column]!, cell])))
    at.print(
      await renderList(flags.format, {
        header: ['NAME', 'TOKEN', 'EXPIRES AT'],
        rows: rows.toSorted(compareRows),
        raw: arrangeFor(flags.format, list(shape), raw),
      }),
    )
  },
})

function rowOf({ clientName, text, expiresAt }: PendingToken): string[] {
  return [clientName, text, expiresAt === undefined ? '' : formatTime(expiresAt)]
}
