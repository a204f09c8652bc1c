import { release } from 'node:os'
import { realEthtool } from '#host/ethtool.ts'
import type { Ethtool } from '#host/ethtool.ts'
import { readHardwareIds } from '#host/hardware-ids.ts'
import type { HardwareIds } from '#host/hardware-ids.ts'
import { Sysfs } from '#host/sysfs.ts'

/** Where the readers of this folder find out about the host. */
export interface Machine {
  readonly sysfs: Sysfs
  readonly ethtool: Ethtool
  readonly pciIds: HardwareIds
  readonly usbIds: HardwareIds
  /** The kernel's release: the version of the drivers that have none of their own. */
  readonly kernel: string
}

/** This host. The lists of names are read for each use: they are large, and uses are rare. */
export async function thisMachine(): Promise<Machine> {
  const [pciIds, usbIds] = await Promise.all([readHardwareIds('pci.ids'), readHardwareIds('usb.ids')])
  return { sysfs: new Sysfs(), ethtool: realEthtool, pciIds, usbIds, kernel: release() }
}

/** What a device on the PCI or USB bus is, as cards of every kind show it. Empty values are left out. */
export interface CardIdentity {
  readonly driver?: string
  readonly driver_version?: string
  readonly numa_node: number
  readonly pci_address?: string
  readonly usb_address?: string
  readonly vendor?: string
  readonly vendor_id?: string
  readonly product?: string
  readonly product_id?: string
}

/** The driver a device is bound to and its version; both empty where there is none. */
export async function readDriver(machine: Machine, device: string): Promise<{ driver: string; version: string }> {
  const driver = await machine.sysfs.linkName(`${device}/driver`)
  if (driver === undefined) return { driver: '', version: '' }
  const version = await machine.sysfs.text(`/sys/module/${driver}/version`)
  return { driver, version: version ?? machine.kernel }
}

/** The NUMA node of a device; one that belongs to none counts as being on the first. */
export async function readNumaNode({ sysfs }: Machine, device: string): Promise<number> {
  return Math.max(0, (await sysfs.number(`${device}/numa_node`)) ?? 0)
}

/** The path in /sys of the device that a class entry such as `/sys/class/net/eth0` sits on, if it is a real one. */
export async function findBusDevice({ sysfs }: Machine, entry: string): Promise<BusDevice | undefined> {
  let path = await sysfs.resolve(`${entry}/device`)
  // From a port of a card (virtio, SCSI, USB interface) upwards to the card.
  while (path && path !== '/' && path !== '/sys/devices') {
    const bus = await sysfs.linkName(`${path}/subsystem`)
    if (bus === 'pci') return { bus, path }
    if (bus === 'usb' && (await sysfs.text(`${path}/busnum`)) !== undefined) return { bus, path }
    path = path.slice(0, path.lastIndexOf('/'))
  }
  return undefined
}

/** A device on one of the buses whose devices have addresses people know. */
export interface BusDevice {
  readonly bus: 'pci' | 'usb'
  readonly path: string
}

/** Who made a device, what it is and where it is. */
export async function identify(machine: Machine, device: BusDevice): Promise<CardIdentity> {
  const { sysfs } = machine
  const { path } = device
  const { driver, version } = await readDriver(machine, path)
  const where = device.bus === 'pci' ? { pci_address: lastPart(path) } : { usb_address: await usbAddress(sysfs, path) }
  const { vendor, vendor_id, product, product_id } =
    device.bus === 'pci' ? await pciNames(machine, path) : await usbNames(machine, path)
  return {
    ...withoutEmpty({ driver, driver_version: version, ...where, vendor, vendor_id, product, product_id }),
    numa_node: await readNumaNode(machine, path),
  }
}

/** The numbers of a PCI device and the names they stand for. */
export async function pciNames({ sysfs, pciIds }: Machine, path: string) {
  const [vendor_id, product_id] = await Promise.all(
    ['vendor', 'device'].map(async (file) => ((await sysfs.text(`${path}/${file}`)) ?? '').replace(/^0x/, '')),
  )
  const vendor = pciIds.vendor(vendor_id ?? '')
  const product = pciIds.product(vendor_id ?? '', product_id ?? '')
  return { vendor, vendor_id: vendor_id ?? '', product, product_id: product_id ?? '' }
}

/** The numbers of a USB device and the names they stand for; the device's own words win over the list's. */
export async function usbNames({ sysfs, usbIds }: Machine, path: string) {
  const [vendor_id = '', product_id = '', maker, model] = await Promise.all(
    ['idVendor', 'idProduct', 'manufacturer', 'product'].map((file) => sysfs.text(`${path}/${file}`)),
  )
  const vendor = maker || usbIds.vendor(vendor_id)
  const product = model || usbIds.product(vendor_id, product_id)
  return { vendor, vendor_id, product, product_id }
}

async function usbAddress(sysfs: Sysfs, path: string): Promise<string> {
  const [bus, device] = await Promise.all([sysfs.number(`${path}/busnum`), sysfs.number(`${path}/devnum`)])
  return `${bus ?? 0}:${device ?? 0}`
}

/** The last part of a path. */
export function lastPart(path: string): string {
  return path.slice(path.lastIndexOf('/') + 1)
}

/** A copy without the fields that have an empty text. */
export function withoutEmpty<T extends Readonly<Record<string, string | undefined>>>(
  fields: T,
): { [Name in keyof T]?: string } {
  return Object.fromEntries(Object.entries(fields).filter(([, value]) => value)) as { [Name in keyof T]?: string }
}

/** The numbers that a list of the kernel such as `0-3,6` names. */
export function parseNumberList(text: string): Set<number> {
  const numbers = new Set<number>()
  for (const part of text.split(',').filter(Boolean)) {
    const [first = 0, last = first] = part.split('-').map(Number)
    for (let number = first; number <= Math.min(last, first + 65_536); number++) numbers.add(number)
  }
  return numbers
}
