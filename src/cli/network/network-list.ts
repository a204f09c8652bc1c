import { listNetworks, type Network } from '#client/networks.ts'

import { command } from '../command.ts'
import { compareRows } from '../natural-order.ts'
import { arrangeFor, list } from '../shape.ts'
import { formatFlag, renderList } from '../table.ts'
import { networkShape } from './network-shapes.ts'

export const networkList = command({
  name: 'network list',
  aliases: ['ls'],
  usage: '[<remote>:]',
  doc: 'List available networks',
  flags: { format: formatFlag },
  args: [0, 1],
  async run({ args, flags, remotes, at }) {
    const { connection } = remotes.at(args[0] ?? '')
    const networks = (await listNetworks(connection)).filter(({ name }) => name !== 'lo')

    at.print(
      await renderList(flags.format, {
        header: ['NAME', 'TYPE', 'MANAGED', 'IPV4', 'IPV6', 'DESCRIPTION', 'USED BY', 'STATE'],
        rows: networks.map(rowOf).sort(compareRows),
        raw: arrangeFor(flags.format, list(networkShape), networks),
      }),
    )
  },
})

function rowOf({ name, type, managed, config, description, used_by, status }: Network): string[] {
  return [
    name,
    type,
    managed ? 'YES' : 'NO',
    config['ipv4.address'] ?? '',
    config['ipv6.address'] ?? '',
    description,
    String(used_by?.length ?? 0),
    status.toUpperCase(),
  ]
}
