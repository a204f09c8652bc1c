import { getNetworkState, type NetworkState } from '#client/networks.ts'

import { command, textFlag } from '../command.ts'
import { formatDecimalBytes } from '../format.ts'

export const networkInfo = command({
  name: 'network info',
  usage: '[<remote>:]<network>',
  doc: 'Get runtime information on networks',
  flags: { target: textFlag('Cluster member name') },
  args: [1, 1],
  async run({ args, remotes, at }) {
    const { connection, name } = remotes.named(args[0]!, 'network name')
    const state = await getNetworkState(connection, name)
    at.print(`${[...about(name, state), ...addresses(state), ...usage(state), ...bridge(state)].join('\n')}\n`)
  },
})

function about(name: string, { hwaddr, mtu, state, type }: NetworkState): string[] {
  return [`Name: ${name}`, `MAC address: ${hwaddr}`, `MTU: ${mtu}`, `State: ${state}`, `Type: ${type}`]
}

function addresses({ addresses: all }: NetworkState): string[] {
  if (all === null || all.length === 0) return []
  return [
    '',
    'IP addresses:',
    ...all.map(({ family, address, netmask, scope }) => `  ${family}\t${address}/${netmask} (${scope})`),
  ]
}

function usage({ counters }: NetworkState): string[] {
  return [
    '',
    'Network usage:',
    `  Bytes received: ${formatDecimalBytes(counters.bytes_received)}`,
    `  Bytes sent: ${formatDecimalBytes(counters.bytes_sent)}`,
    `  Packets received: ${counters.packets_received}`,
    `  Packets sent: ${counters.packets_sent}`,
  ]
}

function bridge({ bridge: of, vlan }: NetworkState): string[] {
  const lines = of
    ? [
        '',
        'Bridge:',
        `  ID: ${of.id}`,
        `  STP: ${of.stp}`,
        `  Forward delay: ${of.forward_delay}`,
        `  Default VLAN ID: ${of.vlan_default}`,
        `  VLAN filtering: ${of.vlan_filtering}`,
        `  Upper devices: ${(of.upper_devices ?? []).join(', ')}`,
      ]
    : []
  if (vlan) lines.push('', 'VLAN:', `  Lower device: ${vlan.lower_device}`, `  VLAN ID: ${vlan.vid}`)
  return lines
}
