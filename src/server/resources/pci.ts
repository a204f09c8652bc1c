import type { ResourcesPciDevice } from '#schema/resources.ts'
import { pciNames, readDriver, readNumaNode } from './machine.ts'
import type { Machine } from './machine.ts'
import { parseVpd } from './vpd.ts'

const folder = '/sys/bus/pci/devices'

/** Reads the devices on the PCI bus, ordered by address. */
export async function readPci(machine: Machine): Promise<ResourcesPciDevice[]> {
  const addresses = await machine.sysfs.list(folder)
  return await Promise.all(addresses.map((address) => readDevice(machine, address)))
}

async function readDevice(machine: Machine, address: string): Promise<ResourcesPciDevice> {
  const { sysfs } = machine
  const path = `${folder}/${address}`
  const [{ driver, version }, names, node, group, vpd] = await Promise.all([
    readDriver(machine, path),
    pciNames(machine, path),
    readNumaNode(machine, path),
    sysfs.linkName(`${path}/iommu_group`),
    sysfs.bytes(`${path}/vpd`),
  ])
  return {
    driver,
    driver_version: version,
    numa_node: node,
    pci_address: address,
    ...names,
    iommu_group: Number(group ?? 0),
    vpd: vpd ? parseVpd(vpd) : {},
  }
}
