import { getProjectState, type ProjectUsage } from '#client/projects.ts'

import { command } from '../command.ts'
import { formatBytes } from '../format.ts'
import { compareRows } from '../natural-order.ts'
import { arrangeFor, fields, map } from '../shape.ts'
import { formatFlag, renderList } from '../table.ts'

/** Resources that are counted in bytes. */
const BYTES = ['disk', 'memory']

export const projectInfo = command({
  name: 'project info',
  usage: '[<remote>:]<project> <key>',
  doc: 'Get a summary of resource allocations',
  flags: { format: formatFlag },
  args: [1, 1],
  async run({ args, flags, remotes, at }) {
    const { connection, name } = remotes.named(args[0]!, 'project name')
    const resources = await getProjectState(connection, name)

    const rows = Object.entries(resources).map(([resource, usage]) => rowOf(resource, usage))
    at.print(
      await renderList(flags.format, {
        header: ['RESOURCE', 'LIMIT', 'USAGE'],
        rows: rows.sort(compareRows),
        raw: rawOf(flags.format, resources),
      }),
    )
  },
})

/** JSON has the names as LXD 5.0 writes them. */
function rawOf(format: string, resources: Readonly<Record<string, ProjectUsage>>): unknown {
  const names = format === 'json' ? (['Limit', 'Usage'] as const) : (['limit', 'usage'] as const)
  const usage = fields({ [names[0]]: 'number', [names[1]]: 'number' })
  return arrangeFor(format, fields({ resources: map(usage) }), { resources })
}

function rowOf(resource: string, { limit, usage }: ProjectUsage): string[] {
  const show = (amount: number): string => (BYTES.includes(resource) ? formatBytes(amount) : String(amount))
  return [resource.toUpperCase(), limit >= 0 ? show(limit) : 'UNLIMITED', show(usage)]
}
