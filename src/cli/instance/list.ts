import { badRequest } from '#base/failure.ts'
import {
  listInstances,
  listInstancesFull,
  type Instance,
  type InstanceFull,
  type ListInstancesOptions,
} from '#client/instances.ts'
import type { Connection } from '#client/connection.ts'

import { command, switchFlag, textFlag } from '../command.ts'
import { compareRows } from '../natural-order.ts'
import { formatFlag, formats, renderList } from '../table.ts'
import { parseColumns, type Column } from './columns.ts'

const DEFAULT = 'ns46tSL'
const FAST = 'nsacPt'

export const list = command({
  name: 'list',
  aliases: ['ls'],
  usage: '[<remote>:] [<filter>...]',
  doc: 'List instances',
  details: `Without -c the columns are ns46tS, with --fast nsacPt.

A filter is one of these; of several, an instance has to match all:
  - the beginning of a name, such as "web";
  - a regular expression for a whole name, such as "web-.*[0-9]";
  - KEY=VALUE for a configuration key, each part of which may be shortened as
    long as it stays unambiguous ("u.owner=ann" for "user.owner=ann"), with the
    value or a regular expression for all of it;
  - type=, status=, architecture=, location= with one or several values,
    separated by commas, or ipv4= and ipv6= with addresses or networks.

-c takes columns as a list of letters, or of configuration and device keys:
  4 - IPv4 address
  6 - IPv6 address
  a - Architecture
  b - Storage pool
  c - Creation date
  d - Description
  D - Disk usage
  e - Project name
  f - Fingerprint of the base image, shortened
  F - Fingerprint of the base image
  l - Last used date
  L - Location (cluster member)
  m - Memory usage
  M - Memory usage in percent of the limit
  n - Name
  N - Number of processes
  p - PID of the init process
  P - Profiles
  r - Whether root inside is root of the host (privileged)
  s - State
  S - Number of snapshots
  t - Type (and whether it is ephemeral)
  u - CPU usage in seconds

A key is written [config:|devices:]KEY[:NAME][:WIDTH]: NAME heads the column in
place of the key; longer values are cut to WIDTH, 0 being the header's own, -1
no limit. Commas separate keys from each other and from letters.`,
  examples: [
    {
      command: 'lxc list -c nFs46,volatile.eth0.hwaddr:MAC,config:image.os,devices:eth0.parent:ETHP',
      doc: 'Show names, images, states and addresses, and three columns made from keys',
    },
    { command: 'lxc list -c ns,user.comment:comment', doc: 'Show states and comments' },
  ],
  flags: {
    'all-projects': switchFlag('Display instances from all projects'),
    columns: textFlag('Columns', { short: 'c', default: DEFAULT }),
    fast: switchFlag('Fast mode (same as --columns=nsacPt)'),
    format: formatFlag,
  },
  args: [0, Infinity],
  async run({ args, flags, given, globals, remotes, at }) {
    const allProjects = flags['all-projects']
    if (allProjects && globals.project !== '') throw badRequest("Can't specify --project with --all-projects")
    if (!(formats as readonly string[]).includes(flags.format)) throw badRequest(`Invalid format "${flags.format}"`)

    const [first, ...more] = args
    const named = first?.includes(':') && !first.includes('=') ? remotes.at(first) : undefined
    const connection = named?.connection ?? remotes.connect(remotes.default)
    const filters = named === undefined ? args : named.name === '' ? more : [named.name, ...more]

    const wanted = flags.fast && !given.has('columns') ? FAST : flags.columns
    let columns = parseColumns(allProjects && !given.has('columns') ? `e${wanted}` : wanted)
    const needsAll = flags.format === 'json' || flags.format === 'yaml' || columns.some(({ needsState }) => needsState)
    const instances = await fetch(connection, needsAll && !flags.fast, { allProjects })

    if (columns.some(({ letter }) => letter === 'L') && !(await isClustered(connection, instances))) {
      if (given.has('columns')) throw badRequest("Can't specify column L when not clustered")
      columns = columns.filter(({ letter }) => letter !== 'L')
    }

    at.print(await render(flags.format, columns, await choose(instances, filters)))
  },
})

async function choose(
  instances: readonly InstanceFull[],
  filters: readonly string[],
): Promise<readonly InstanceFull[]> {
  if (filters.length === 0) return instances
  const { matchesAll } = await import('./filter.ts')
  return instances.filter((instance) => matchesAll(instance, filters))
}

async function fetch(
  connection: Connection,
  full: boolean,
  options: ListInstancesOptions,
): Promise<readonly InstanceFull[]> {
  if (full) return await listInstancesFull(connection, options)
  const none = { state: null, snapshots: null, backups: null }
  return (await listInstances(connection, options)).map((instance) => ({ ...instance, ...none }))
}

/** An instance's location is "none" outside of clusters; without instances only the server knows. */
async function isClustered(connection: Connection, instances: readonly Instance[]): Promise<boolean> {
  if (instances.length > 0) return instances.some(({ location }) => location !== 'none' && location !== '')
  const { environment } = await connection.get<{ environment?: { server_clustered?: boolean } }>('/1.0')
  return environment?.server_clustered ?? false
}

async function render(format: string, columns: readonly Column[], instances: readonly InstanceFull[]): Promise<string> {
  if (format === 'json' || format === 'yaml') {
    const [{ arrange, list: listOf }, { instanceFull }] = await Promise.all([
      import('../shape.ts'),
      import('./instance-shapes.ts'),
    ])
    return await renderList(format, { header: [], rows: [], raw: arrange(listOf(instanceFull), instances, format) })
  }

  const rows = instances.map((instance) => columns.map(({ show }) => show(instance))).sort(compareRows)
  return await renderList(format, { header: columns.map(({ header }) => header), rows, raw: undefined })
}
