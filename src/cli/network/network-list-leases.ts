import { listNetworkLeases } from '#client/networks.ts'

import { command } from '../command.ts'
import { compareRows } from '../natural-order.ts'
import { arrangeFor, list } from '../shape.ts'
import { formatFlag, renderList } from '../table.ts'
import { leaseShape } from './network-shapes.ts'

export const networkListLeases = command({
  name: 'network list-leases',
  usage: '[<remote>:]<network>',
  doc: 'List DHCP leases',
  flags: { format: formatFlag },
  args: [1, 1],
  async run({ args, flags, remotes, at }) {
    const { connection, name } = remotes.named(args[0]!, 'network name')
    const leases = await listNetworkLeases(connection, name)

    const clustered = leases.some(({ location }) => location !== '' && location !== 'none')
    const rows = leases.map(({ hostname, hwaddr, address, type, location }) => [
      hostname,
      hwaddr,
      address,
      type.toUpperCase(),
      ...(clustered ? [location] : []),
    ])
    at.print(
      await renderList(flags.format, {
        header: ['HOSTNAME', 'MAC ADDRESS', 'IP ADDRESS', 'TYPE', ...(clustered ? ['LOCATION'] : [])],
        rows: rows.sort(compareRows),
        raw: arrangeFor(flags.format, list(leaseShape), leases),
      }),
    )
  },
})
