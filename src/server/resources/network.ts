import type { ResourcesNetworkCard, ResourcesNetworkPort } from '#schema/resources.ts'
import { modeNames, portNames, portType, transceiverType } from './link-modes.ts'
import { findBusDevice, identify, withoutEmpty } from './machine.ts'
import type { BusDevice, Machine } from './machine.ts'

/** A card and the interfaces it has in this network namespace. */
interface Card {
  readonly device: BusDevice
  readonly interfaces: string[]
}

/** Reads the network cards: what has an interface here or is a network controller on the PCI bus. */
export async function readNetworkCards(machine: Machine): Promise<ResourcesNetworkCard[]> {
  const cards = await findCards(machine)
  const parents = new Map<string, string>()
  for (const { device } of cards) {
    const parent = await machine.sysfs.resolve(`${device.path}/physfn`)
    if (parent !== undefined) parents.set(device.path, parent)
  }
  return await Promise.all(
    cards
      .filter(({ device }) => !parents.has(device.path))
      .map(async (card) => {
        const functions = cards.filter(({ device }) => parents.get(device.path) === card.device.path)
        return { ...(await readCard(machine, card)), ...(await readSriov(machine, card, functions)) }
      }),
  )
}

async function findCards(machine: Machine): Promise<Card[]> {
  const { sysfs } = machine
  const cards = new Map<string, Card>()
  for (const name of await sysfs.list('/sys/class/net')) {
    const device = await findBusDevice(machine, `/sys/class/net/${name}`)
    if (!device) continue
    const card = cards.get(device.path) ?? { device, interfaces: [] }
    card.interfaces.push(name)
    cards.set(device.path, card)
  }
  for (const address of await sysfs.list('/sys/bus/pci/devices')) {
    const path = await sysfs.resolve(`/sys/bus/pci/devices/${address}`)
    const kind = await sysfs.text(`/sys/bus/pci/devices/${address}/class`)
    if (path && kind?.startsWith('0x02') && !cards.has(path)) {
      cards.set(path, { device: { bus: 'pci', path }, interfaces: [] })
    }
  }
  return [...cards.values()].toSorted((a, b) => (a.device.path < b.device.path ? -1 : 1))
}

async function readCard(machine: Machine, { device, interfaces }: Card): Promise<ResourcesNetworkCard> {
  const [identity, ports, firmware] = await Promise.all([
    identify(machine, device),
    Promise.all(interfaces.map((name) => readPort(machine, name))),
    interfaces[0] === undefined ? undefined : machine.ethtool.firmware(interfaces[0]),
  ])
  return {
    ...identity,
    ...withoutEmpty({ firmware_version: firmware }),
    ...(ports.length > 0 ? { ports } : {}),
  }
}

async function readSriov(machine: Machine, card: Card, functions: readonly Card[]) {
  const { path } = card.device
  const [maximum, current] = await Promise.all([
    machine.sysfs.number(`${path}/sriov_totalvfs`),
    machine.sysfs.number(`${path}/sriov_numvfs`),
  ])
  if (maximum === undefined) return {}
  const vfs = await Promise.all(functions.map((one) => readCard(machine, one)))
  return { sriov: { current_vfs: current ?? 0, maximum_vfs: maximum, vfs } }
}

/** Hardware types of interfaces: linux/if_arp.h. */
const protocols: Readonly<Record<number, string>> = { 1: 'ethernet', 32: 'infiniband' }

async function readPort(machine: Machine, name: string): Promise<ResourcesNetworkPort> {
  const { sysfs, ethtool } = machine
  const path = `/sys/class/net/${name}`
  const [address, port, type, carrier, speed, duplex, settings] = await Promise.all([
    sysfs.text(`${path}/address`),
    sysfs.number(`${path}/dev_port`),
    sysfs.number(`${path}/type`),
    sysfs.number(`${path}/carrier`),
    sysfs.number(`${path}/speed`),
    sysfs.text(`${path}/duplex`),
    ethtool.linkSettings(name),
  ])
  const protocol = protocols[type ?? 0] ?? 'unknown'
  const linked = carrier === 1
  const modes = settings ? modeNames(settings.supported) : []
  const kinds = settings ? portNames(settings.supported) : []
  return {
    id: name,
    ...withoutEmpty({
      address,
      port_type: settings && portType(settings.port),
      transceiver_type: settings && transceiverType(settings.transceiver),
      link_duplex: linked && duplex !== 'unknown' ? duplex : undefined,
    }),
    port: port ?? 0,
    protocol,
    ...(modes.length > 0 ? { supported_modes: modes } : {}),
    ...(kinds.length > 0 ? { supported_ports: kinds } : {}),
    auto_negotiation: settings?.autoNegotiation ?? false,
    link_detected: linked,
    ...(linked && speed !== undefined && speed > 0 ? { link_speed: speed } : {}),
    ...(protocol === 'infiniband' ? { infiniband: await readInfiniBand(machine, path, port ?? 0) } : {}),
  }
}

/** The character devices of an InfiniBand port: those of its card that have the port's number, and the card's verbs. */
async function readInfiniBand({ sysfs }: Machine, path: string, port: number) {
  const find = async (folder: string, prefix: string) => {
    for (const name of await sysfs.list(`${path}/device/${folder}`)) {
      const own = await sysfs.number(`${path}/device/${folder}/${name}/port`)
      if (!name.startsWith(prefix) || (own !== undefined && own !== port + 1)) continue
      return { name, device: (await sysfs.text(`${path}/device/${folder}/${name}/dev`)) ?? '' }
    }
    return undefined
  }
  const [issm, mad, verb] = await Promise.all([
    find('infiniband_mad', 'issm'),
    find('infiniband_mad', 'umad'),
    find('infiniband_verbs', 'uverbs'),
  ])
  return withoutEmpty({
    issm_name: issm?.name,
    issm_device: issm?.device,
    mad_name: mad?.name,
    mad_device: mad?.device,
    verb_name: verb?.name,
    verb_device: verb?.device,
  })
}
