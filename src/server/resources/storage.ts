import type { ResourcesDisk } from '#schema/resources.ts'
import { findBusDevice, identify, lastPart, readNumaNode, withoutEmpty } from './machine.ts'
import type { Machine } from './machine.ts'

const folder = '/sys/class/block'
const sector = 512

/** Reads the disks, which are the block devices that some hardware is behind. */
export async function readDisks(machine: Machine): Promise<ResourcesDisk[]> {
  const [names, ids, paths] = await Promise.all([
    machine.sysfs.list(folder),
    readLinks(machine, '/dev/disk/by-id'),
    readLinks(machine, '/dev/disk/by-path'),
  ])
  const disks: ResourcesDisk[] = []
  for (const name of names) {
    if ((await machine.sysfs.resolve(`${folder}/${name}/device`)) === undefined) continue
    disks.push(await readDisk(machine, name, { ids, paths }))
  }
  return disks
}

interface Links {
  readonly ids: ReadonlyMap<string, string>
  readonly paths: ReadonlyMap<string, string>
}

async function readDisk(machine: Machine, name: string, links: Links): Promise<ResourcesDisk> {
  const { sysfs } = machine
  const path = `${folder}/${name}`
  const device = (await sysfs.text(`${path}/dev`)) ?? ''
  const [udev, bus, numa, real] = await Promise.all([
    readUdev(machine, device),
    findBusDevice(machine, path),
    readNumaNode(machine, `${path}/device`),
    sysfs.resolve(path),
  ])
  const identity = bus && (await identify(machine, bus))
  const [model, serial, firmware, revision, wwid] = await Promise.all(
    ['model', 'serial', 'firmware_rev', 'rev', 'wwid'].map((file) => sysfs.text(`${path}/device/${file}`)),
  )
  const rotational = (await sysfs.number(`${path}/queue/rotational`)) ?? 0
  return {
    id: name,
    device,
    ...withoutEmpty({
      model: model ?? udev.get('ID_MODEL'),
      type: diskType(name, real ?? '', udev),
      wwn: udev.get('ID_WWN') ?? wwid,
      device_path: links.paths.get(name),
      firmware_version: firmware ?? udev.get('ID_REVISION') ?? revision,
      serial: udev.get('ID_SERIAL_SHORT') ?? serial,
      pci_address: identity?.pci_address,
      usb_address: identity?.usb_address,
    }),
    read_only: (await sysfs.number(`${path}/ro`)) === 1,
    size: ((await sysfs.number(`${path}/size`)) ?? 0) * sector,
    removable: (await sysfs.number(`${path}/removable`)) === 1,
    numa_node: bus ? (identity?.numa_node ?? 0) : numa,
    block_size: (await sysfs.number(`${path}/queue/physical_block_size`)) ?? 0,
    rpm: Number(udev.get('ID_ATA_ROTATION_RATE_RPM') ?? rotational),
    device_id: links.ids.get(name) ?? '',
    partitions: await readPartitions(machine, name),
  }
}

async function readPartitions({ sysfs }: Machine, disk: string): Promise<ResourcesDisk['partitions']> {
  const partitions: ResourcesDisk['partitions'] = []
  for (const name of await sysfs.list(`${folder}/${disk}`)) {
    const path = `${folder}/${disk}/${name}`
    const partition = name.startsWith(disk) ? await sysfs.number(`${path}/partition`) : undefined
    if (partition === undefined) continue
    const [device, size, readOnly] = await Promise.all([
      sysfs.text(`${path}/dev`),
      sysfs.number(`${path}/size`),
      sysfs.number(`${path}/ro`),
    ])
    partitions.push({
      id: name,
      device: device ?? '',
      read_only: readOnly === 1,
      size: (size ?? 0) * sector,
      partition,
    })
  }
  return partitions
}

/** How the disk is attached, in LXD's words; empty where that can't be told. */
function diskType(name: string, path: string, udev: ReadonlyMap<string, string>): string {
  if (name.startsWith('nvme')) return 'nvme'
  if (name.startsWith('mmc')) return 'mmc'
  if (name.startsWith('sr')) return 'cdrom'
  if (path.includes('/virtio')) return 'virtio'
  if (/\/usb\d+\//.test(path)) return 'usb'
  if (/\/ata\d+\//.test(path) || udev.get('ID_BUS') === 'ata') return 'sata'
  return name.startsWith('sd') ? 'scsi' : ''
}

/** The properties udev found out, from its database; empty where udev doesn't run. */
async function readUdev({ sysfs }: Machine, device: string): Promise<ReadonlyMap<string, string>> {
  const text = (await sysfs.text(`/run/udev/data/b${device}`)) ?? ''
  return new Map([...text.matchAll(/^E:([^=\n]+)=(.*)$/gm)].map(([, name = '', value = '']) => [name, value]))
}

/** For each device the first name that a folder of links has for it. */
async function readLinks({ sysfs }: Machine, links: string): Promise<ReadonlyMap<string, string>> {
  const found = new Map<string, string>()
  for (const name of await sysfs.list(links)) {
    const target = await sysfs.linkName(`${links}/${name}`)
    if (target !== undefined && !found.has(target)) found.set(target, lastPart(name))
  }
  return found
}
