import { badRequest } from '#base/failure.ts'
import { listStorageVolumes, type StorageVolume } from '#client/storage.ts'

import { command, switchFlag, textFlag } from '../command.ts'
import { compareRows } from '../natural-order.ts'
import { arrangeFor, list } from '../shape.ts'
import { formatFlag, renderList } from '../table.ts'
import { volumeShape } from './storage-shapes.ts'

const DEFAULT = 'etndcuL'

const columns: Readonly<Record<string, readonly [header: string, show: (volume: StorageVolume) => string]>> = {
  c: ['CONTENT-TYPE', ({ content_type }) => content_type || 'filesystem'],
  d: ['DESCRIPTION', ({ description }) => description],
  e: ['PROJECT', ({ project }) => project],
  L: ['LOCATION', ({ location }) => location],
  n: ['NAME', ({ name }) => name],
  t: ['TYPE', ({ type, name }) => (name.includes('/') ? `${type} (snapshot)` : type)],
  u: ['USED BY', ({ used_by }) => String(used_by?.length ?? 0)],
}

export const storageVolumeList = command({
  name: 'storage volume list',
  aliases: ['ls'],
  usage: '[<remote>:]<pool> [<filter>...]',
  doc: 'List storage volumes',
  details: `A filter is KEY=VALUE for a property of volumes.

-c takes columns as a list of letters:
    c - Content type (filesystem or block)
    d - Description
    e - Project name
    L - Location of the volume (cluster member)
    n - Name
    t - Type of volume (custom, image, container or virtual-machine)
    u - Number of references (used by)`,
  flags: {
    'all-projects': switchFlag('All projects'),
    columns: textFlag('Columns', { short: 'c', default: DEFAULT }),
    format: formatFlag,
  },
  args: [1, Infinity],
  async run({ args, flags, given, remotes, at }) {
    const { connection, name } = remotes.named(args[0]!, 'pool name')
    const allProjects = flags['all-projects']
    const volumes = (await listStorageVolumes(connection, name, { allProjects })).filter((volume) =>
      args.slice(1).every((filter) => matches(volume, filter)),
    )

    const clustered = volumes.some(({ location }) => location !== '' && location !== 'none')
    let letters = Array.from(flags.columns.replaceAll(',', ''))
    if (!clustered && letters.includes('L')) {
      if (given.has('columns')) throw badRequest("Can't specify column L when not clustered")
      letters = letters.filter((letter) => letter !== 'L')
    }
    if (!allProjects && !given.has('columns')) letters = letters.filter((letter) => letter !== 'e')

    const shown = letters.map((letter) => {
      const column = Object.hasOwn(columns, letter) ? columns[letter] : undefined
      if (column === undefined) throw badRequest(`Unknown column shorthand char '${letter}' in '${flags.columns}'`)
      return column
    })
    volumes.sort((a, b) => compareRows([a.name, a.type], [b.name, b.type]))
    const rows = volumes.map((volume) => shown.map(([, show]) => show(volume)))
    at.print(
      await renderList(flags.format, {
        header: shown.map(([header]) => header),
        rows,
        raw: arrangeFor(flags.format, list(volumeShape), volumes),
      }),
    )
  },
})

function matches(volume: StorageVolume, filter: string): boolean {
  const equals = filter.indexOf('=')
  if (equals < 0) throw badRequest(`Cannot read filter "${filter}": expected KEY=VALUE`)
  const key = filter.slice(0, equals)
  const value = filter.slice(equals + 1)

  const properties = volume as unknown as Readonly<Record<string, unknown>>
  const its = key.startsWith('config.') ? volume.config[key.slice('config.'.length)] : properties[key]
  return typeof its === 'string' && its === value
}
