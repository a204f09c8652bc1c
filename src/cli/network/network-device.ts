import { badRequest } from '#base/failure.ts'
import type { Config, Devices } from '#client/instances.ts'
import type { Network } from '#client/networks.ts'

/** The device that attaches something to a network; `name` is that of the interface inside, where one is wanted. */
export function networkDevice(network: Network, name: string | undefined): Config {
  const inside = name === undefined ? {} : { name }
  if (network.managed) return { type: 'nic', network: network.name, ...inside }
  const nictype = network.type === 'bridge' ? 'bridged' : 'macvlan'
  return { type: 'nic', nictype, parent: network.name, ...inside }
}

/** Which device attaches to the network: the one that is named, or the only one. Throws where that is unclear. */
export function findNetworkDevice(devices: Devices, network: string, wanted: string | undefined): string {
  const attaches = ({ type, parent, network: its }: Config): boolean =>
    type === 'nic' && (parent === network || its === network)

  if (wanted !== undefined) {
    const device = Object.hasOwn(devices, wanted) ? devices[wanted] : undefined
    if (device === undefined) throw badRequest("The specified device doesn't exist")
    if (!attaches(device)) throw badRequest("The specified device doesn't match the network")
    return wanted
  }

  const [found, ...more] = Object.keys(devices).filter((name) => attaches(devices[name]!))
  if (found === undefined) throw badRequest('No device found for this network')
  if (more.length > 0) throw badRequest('More than one device matches, specify the device name')
  return found
}
