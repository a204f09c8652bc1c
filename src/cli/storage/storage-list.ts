import { listStoragePools, type StoragePool } from '#client/storage.ts'

import { command } from '../command.ts'
import { compareRows } from '../natural-order.ts'
import { arrangeFor, list } from '../shape.ts'
import { formatFlag, renderList } from '../table.ts'
import { poolShape } from './storage-shapes.ts'

export const storageList = command({
  name: 'storage list',
  aliases: ['ls'],
  usage: '[<remote>:]',
  doc: 'List available storage pools',
  flags: { format: formatFlag },
  args: [0, 1],
  async run({ args, flags, remotes, at }) {
    const { connection } = remotes.at(args[0] ?? '')
    const pools = await listStoragePools(connection)

    // In a cluster every member has a source of its own.
    const clustered = pools.some(({ locations }) => (locations ?? []).some((member) => member !== 'none'))
    const source = clustered ? [] : ['SOURCE']
    const rowOf = ({ name, driver, config, description, used_by, status }: StoragePool): string[] => [
      name,
      driver,
      ...(clustered ? [] : [config['source'] ?? '']),
      description,
      String(used_by?.length ?? 0),
      status.toUpperCase(),
    ]
    at.print(
      await renderList(flags.format, {
        header: ['NAME', 'DRIVER', ...source, 'DESCRIPTION', 'USED BY', 'STATE'],
        rows: pools.map(rowOf).sort(compareRows),
        raw: arrangeFor(flags.format, list(poolShape), pools),
      }),
    )
  },
})
