import type { ResourcesSystem } from '#schema/resources.ts'
import type { Machine } from './machine.ts'

const folder = '/sys/class/dmi/id'

/** Types of enclosures by their number: System Management BIOS Reference Specification, table 17. */
const chassisTypes = [
  '',
  'Other',
  'Unknown',
  'Desktop',
  'Low Profile Desktop',
  'Pizza Box',
  'Mini Tower',
  'Tower',
  'Portable',
  'Laptop',
  'Notebook',
  'Hand Held',
  'Docking Station',
  'All in One',
  'Sub Notebook',
  'Space-saving',
  'Lunch Box',
  'Main Server Chassis',
  'Expansion Chassis',
  'SubChassis',
  'Bus Expansion Chassis',
  'Peripheral Chassis',
  'RAID Chassis',
  'Rack Mount Chassis',
  'Sealed-case PC',
  'Multi-system chassis',
  'Compact PCI',
  'Advanced TCA',
  'Blade',
  'Blade Enclosure',
  'Tablet',
  'Convertible',
  'Detachable',
  'IoT Gateway',
  'Embedded PC',
  'Mini PC',
  'Stick PC',
] as const

/** Reads what the firmware says of the machine, and whether it is one. */
export async function readSystem(machine: Machine): Promise<ResourcesSystem> {
  const { sysfs } = machine
  const names = await sysfs.list(folder)
  const fields = new Map(
    await Promise.all(
      names.map(async (name): Promise<[string, string]> => [name, (await sysfs.text(`${folder}/${name}`)) ?? '']),
    ),
  )
  const field = (name: string) => fields.get(name) ?? ''
  const has = (prefix: string) => names.some((name) => name.startsWith(prefix))
  const number = Number(field('chassis_type'))
  return {
    uuid: field('product_uuid'),
    vendor: field('sys_vendor'),
    product: field('product_name'),
    family: field('product_family'),
    version: field('product_version'),
    sku: field('product_sku'),
    serial: field('product_serial'),
    type: await readType(machine),
    firmware: has('bios_')
      ? { vendor: field('bios_vendor'), date: field('bios_date'), version: field('bios_version') }
      : null,
    chassis: has('chassis_')
      ? {
          vendor: field('chassis_vendor'),
          type: chassisTypes[number] ?? '',
          serial: field('chassis_serial'),
          version: field('chassis_version'),
        }
      : null,
    motherboard: has('board_')
      ? {
          vendor: field('board_vendor'),
          product: field('board_name'),
          serial: field('board_serial'),
          version: field('board_version'),
        }
      : null,
  }
}

/** Container managers say so in the environment of process 1, hypervisors in the flags of the CPU. */
async function readType({ sysfs }: Machine): Promise<string> {
  const [environment, marker, cpuinfo] = await Promise.all([
    sysfs.text('/proc/1/environ'),
    sysfs.text('/run/systemd/container'),
    sysfs.text('/proc/cpuinfo'),
  ])
  const inside = environment?.split('\0').some((line) => /^container=./.test(line)) || Boolean(marker)
  if (inside) return 'container'
  return /^flags\s*:.*\bhypervisor\b/m.test(cpuinfo ?? '') ? 'virtual-machine' : 'physical'
}
