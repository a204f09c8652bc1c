import { badRequest } from '#base/failure.ts'
import type { Connection } from '#client/connection.ts'
import { getServer } from '#client/server.ts'
import { listWarnings, type Warning } from '#client/warnings.ts'

import { command, switchFlag, textFlag } from '../command.ts'
import { formatUploadTime } from '../format.ts'
import { compareRows } from '../natural-order.ts'
import { arrangeFor, list } from '../shape.ts'
import { formatFlag, renderList } from '../table.ts'
import { warningShape } from './warning-shape.ts'

const DEFAULT = 'utSscpLl'

type Column = readonly [header: string, show: (warning: Warning) => string]

const letters: Readonly<Record<string, Column>> = {
  c: ['COUNT', ({ count }) => String(count)],
  f: ['FIRST SEEN', ({ first_seen_at }) => formatUploadTime(first_seen_at)],
  l: ['LAST SEEN', ({ last_seen_at }) => formatUploadTime(last_seen_at)],
  L: ['LOCATION', ({ location }) => location],
  p: ['PROJECT', ({ project }) => project],
  s: ['SEVERITY', ({ severity }) => severity.toUpperCase()],
  S: ['STATUS', ({ status }) => status.toUpperCase()],
  t: ['TYPE', ({ type }) => type],
  u: ['UUID', ({ uuid }) => uuid],
}

export const warningList = command({
  name: 'warning list',
  aliases: ['ls'],
  usage: '[<remote>:]',
  doc: 'List warnings',
  details: `The -c option takes a (optionally comma-separated) list of arguments
that control which warning attributes to output when displaying in table
or csv format.

Default column layout is: utSscpLl

Column shorthand chars:

    c - Count
    l - Last seen
    L - Location
    f - First seen
    p - Project
    s - Severity
    S - Status
    u - UUID
    t - Type`,
  flags: {
    all: switchFlag('List all warnings', { short: 'a' }),
    columns: textFlag('Columns', { short: 'c', default: DEFAULT }),
    format: formatFlag,
  },
  args: [0, 1],
  async run({ args, flags, remotes, at }) {
    const { connection } = remotes.at(args[0] ?? '')
    const columns = parseColumns(await withoutLocation(connection, flags.columns))
    const warnings = (await listWarnings(connection)).filter(({ status }) => flags.all || status === 'new')
    at.print(
      await renderList(flags.format, {
        header: columns.map(([header]) => header),
        rows: warnings.map((warning) => columns.map(([, show]) => show(warning))).sort(compareRows),
        raw: arrangeFor(flags.format, list(warningShape), warnings),
      }),
    )
  },
})

/** Where something is can only be asked of a cluster. */
async function withoutLocation(connection: Connection, columns: string): Promise<string> {
  if (!columns.includes('L')) return columns
  const { server } = await getServer(connection)
  if (server.environment.server_clustered) return columns
  if (columns !== DEFAULT) throw badRequest("Can't specify column L when not clustered")
  return columns.replace('L', '')
}

function parseColumns(text: string): Column[] {
  return text.split(',').flatMap((entry) => {
    if (entry === '') throw badRequest(`Empty column entry (redundant, leading or trailing command) in '${text}'`)
    return Array.from(entry, (letter) => {
      const column = Object.hasOwn(letters, letter) ? letters[letter] : undefined
      if (column === undefined) throw badRequest(`Unknown column shorthand char '${letter}' in '${entry}'`)
      return column
    })
  })
}
