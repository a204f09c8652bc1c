import { createHash } from 'node:crypto'
import { badRequest } from '#base/failure.ts'
import { newLinkName, newMac } from '#base/id.ts'
import { parseLinkName } from '#base/link-name.ts'
import { integer, keyType, mac } from '#config/key.ts'
import type { Links } from '#host/links.ts'
import type { CheckContext, DeviceConfig, DeviceContext, VolatileContext } from './device.ts'

const linkName = keyType('interface name', parseLinkName)

/** The keys that NICs of every kind with an end on the host have. */
export const nicKeys = {
  name: linkName({ doc: 'Name of the interface inside the instance. Default: the first free `ethN`.', risk: 'safe' }),
  hwaddr: mac({ doc: 'MAC address of the interface. Default: one that is made up once.', risk: 'safe' }),
  mtu: integer({ doc: "Largest packet, in bytes. Default: the parent's.", min: 1280, max: 16_384, risk: 'safe' }),
  host_name: linkName({ doc: "Name of the host's end. Default: one that is made up.", risk: 'safe' }),
}

/** Throws where two NICs of an instance ask for one name. */
export function checkNicName(config: DeviceConfig, { owner, device }: CheckContext): void {
  if (!config['name']) return
  for (const [other, { type, name }] of Object.entries(owner.devices)) {
    if (other === device || type !== 'nic' || name !== config['name']) continue
    throw badRequest(`"name": Duplicate NIC name "${name}" in device "${other}"`)
  }
}

/** The address and the name that a NIC keeps for good, where its configuration has none. */
export function nicVolatile({ device, config, volatile, devices, instanceConfig }: VolatileContext) {
  const made: Record<string, string> = {}
  if (!config['hwaddr'] && !volatile['hwaddr']) made['hwaddr'] = newMac()
  if (config['name'] || volatile['name']) return made

  const taken = Object.entries(devices)
    .filter(([other, { type }]) => other !== device && type === 'nic')
    .map(([other, { name }]) => name || instanceConfig[`volatile.${other}.name`])
  for (let number = 0; made['name'] === undefined; number++) {
    if (!taken.includes(`eth${number}`)) made['name'] = `eth${number}`
  }
  return made
}

/** What a NIC is called inside, and its MAC address. */
export function nicIdentity(context: DeviceContext): { name: string; hwaddr: string } {
  const { device, config, volatile } = context
  const hwaddr = hwaddrOf(context)
  if (hwaddr === undefined) throw badRequest(`Cannot start device "${device}": it has no MAC address`)
  return { name: config['name'] || volatile['name'] || 'eth0', hwaddr }
}

/** The MAC address of a NIC; one that never started may have none. */
export function hwaddrOf({ config, volatile }: DeviceContext): string | undefined {
  return (config['hwaddr'] || volatile['hwaddr'])?.toLowerCase()
}

/**
 * A name for the host's end of a NIC that is about to start: always the same, so that it can be found again after a
 * crash before it was written down.
 */
export function newHostName({ config, owner, device }: DeviceContext, links: Links): string {
  if (config['host_name']) {
    if (!links.exists(config['host_name'])) return config['host_name']
    throw badRequest(`Cannot start device "${device}": an interface "${config['host_name']}" already exists`)
  }
  const name = usualHostName(owner, device)
  return links.exists(name) ? newLinkName() : name
}

/** The name of the host's end of a NIC that was started. */
export function hostName({ config, volatile, owner, device }: DeviceContext): string {
  return volatile['host_name'] || config['host_name'] || usualHostName(owner, device)
}

function usualHostName({ runtimeName }: DeviceContext['owner'], device: string): string {
  const hash = createHash('sha256').update(`${runtimeName}/${device}`).digest('hex')
  return `veth${hash.slice(0, 8)}`
}
