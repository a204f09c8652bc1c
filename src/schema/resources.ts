import Type from 'typebox'
import type { Static } from 'typebox'
import { Count, StringList, StringMap } from './common.ts'

const text = Type.Optional(Type.String())
const number = Type.Optional(Count)

const Thread = Type.Object(
  {
    id: Type.Integer({ description: 'Number of the CPU, as in limits.cpu' }),
    numa_node: Count,
    thread: Type.Integer({ description: 'Number within the core' }),
    online: Type.Boolean(),
    isolated: Type.Boolean({ description: 'Whether the scheduler leaves it alone' }),
  },
  { title: 'ResourcesCPUThread' },
)
const Core = Type.Object(
  { core: Count, die: Count, threads: Type.Array(Thread), frequency: number },
  { title: 'ResourcesCPUCore' },
)
const Cache = Type.Object(
  { level: Count, type: Type.String(), size: Type.Integer({ description: 'Bytes' }) },
  { title: 'ResourcesCPUCache' },
)
const Socket = Type.Object(
  {
    name: text,
    vendor: text,
    socket: Count,
    cache: Type.Optional(Type.Array(Cache)),
    cores: Type.Array(Core),
    frequency: Type.Optional(Type.Integer({ description: 'MHz' })),
    frequency_minimum: number,
    frequency_turbo: number,
  },
  { title: 'ResourcesCPUSocket' },
)
const Cpu = Type.Object(
  { architecture: Type.String(), sockets: Type.Array(Socket), total: Count },
  { title: 'ResourcesCPU' },
)
export type ResourcesCpu = Static<typeof Cpu>

const memory = { hugepages_used: Count, hugepages_total: Count, used: Count, total: Count }
const MemoryNode = Type.Object({ numa_node: Count, ...memory }, { title: 'ResourcesMemoryNode' })
const Memory = Type.Object(
  { nodes: Type.Optional(Type.Array(MemoryNode)), ...memory, hugepages_size: Count },
  { title: 'ResourcesMemory', description: 'Bytes, all of them' },
)
export type ResourcesMemory = Static<typeof Memory>

/** What PCI and USB cards have in common. */
const card = {
  driver: text,
  driver_version: text,
  numa_node: Count,
  pci_address: text,
  usb_address: text,
  vendor: text,
  vendor_id: text,
  product: text,
  product_id: text,
}

const Drm = Type.Object(
  {
    id: Count,
    card_name: Type.String(),
    card_device: Type.String({ description: 'Device number, such as 226:0' }),
    control_name: text,
    control_device: text,
    render_name: text,
    render_device: text,
  },
  { title: 'ResourcesGPUCardDRM' },
)
const Mdev = Type.Object(
  {
    api: Type.String(),
    available: Count,
    name: text,
    description: text,
    devices: Type.Array(Type.String(), { description: 'UUIDs of those in use' }),
  },
  { title: 'ResourcesGPUCardMdev' },
)
const gpuCard = { ...card, drm: Type.Optional(Drm), mdev: Type.Optional(Type.Record(Type.String(), Mdev)) }
const GpuSriov = Type.Object(
  { current_vfs: Count, maximum_vfs: Count, vfs: Type.Array(Type.Object(gpuCard)) },
  { title: 'ResourcesGPUCardSRIOV' },
)
const GpuCard = Type.Object({ ...gpuCard, sriov: Type.Optional(GpuSriov) }, { title: 'ResourcesGPUCard' })
export type ResourcesGpuCard = Static<typeof GpuCard>

const InfiniBand = Type.Object(
  {
    issm_name: text,
    issm_device: text,
    mad_name: text,
    mad_device: text,
    verb_name: text,
    verb_device: text,
  },
  { title: 'ResourcesNetworkCardPortInfiniband' },
)
const Port = Type.Object(
  {
    id: Type.String(),
    address: text,
    port: Count,
    protocol: Type.String({ description: 'ethernet, infiniband or unknown' }),
    supported_modes: Type.Optional(StringList),
    supported_ports: Type.Optional(StringList),
    port_type: text,
    transceiver_type: text,
    auto_negotiation: Type.Boolean(),
    link_detected: Type.Boolean(),
    link_speed: Type.Optional(Type.Integer({ description: 'Mbit/s' })),
    link_duplex: text,
    infiniband: Type.Optional(InfiniBand),
  },
  { title: 'ResourcesNetworkCardPort' },
)
export type ResourcesNetworkPort = Static<typeof Port>
const networkCard = { ...card, firmware_version: text, ports: Type.Optional(Type.Array(Port)) }
const NetworkSriov = Type.Object(
  { current_vfs: Count, maximum_vfs: Count, vfs: Type.Array(Type.Object(networkCard)) },
  { title: 'ResourcesNetworkCardSRIOV' },
)
const NetworkCard = Type.Object(
  { ...networkCard, sriov: Type.Optional(NetworkSriov) },
  { title: 'ResourcesNetworkCard' },
)
export type ResourcesNetworkCard = Static<typeof NetworkCard>

const Partition = Type.Object(
  { id: Type.String(), device: Type.String(), read_only: Type.Boolean(), size: Count, partition: Count },
  { title: 'ResourcesStorageDiskPartition' },
)
const Disk = Type.Object(
  {
    id: Type.String(),
    device: Type.String(),
    model: text,
    type: text,
    read_only: Type.Boolean(),
    size: Count,
    removable: Type.Boolean(),
    wwn: text,
    numa_node: Count,
    device_path: text,
    block_size: Count,
    firmware_version: text,
    rpm: Type.Integer({ description: 'Turns a minute, 0 where nothing turns, 1 where that is not known' }),
    serial: text,
    device_id: Type.String(),
    partitions: Type.Array(Partition),
    pci_address: text,
    usb_address: text,
  },
  { title: 'ResourcesStorageDisk' },
)
export type ResourcesDisk = Static<typeof Disk>

const UsbInterface = Type.Object(
  {
    class: Type.String(),
    class_id: Count,
    driver: Type.String(),
    driver_version: Type.String(),
    number: Count,
    subclass: Type.String(),
    subclass_id: Count,
  },
  { title: 'ResourcesUSBDeviceInterface' },
)
const UsbDevice = Type.Object(
  {
    bus_address: Count,
    device_address: Count,
    interfaces: Type.Array(UsbInterface),
    vendor: Type.String(),
    vendor_id: Type.String(),
    product: Type.String(),
    product_id: Type.String(),
    speed: Type.Number({ description: 'Mbit/s' }),
  },
  { title: 'ResourcesUSBDevice' },
)
export type ResourcesUsbDevice = Static<typeof UsbDevice>

const Vpd = Type.Object({ product_name: text, entries: Type.Optional(StringMap) }, { title: 'ResourcesPCIVPD' })
export type ResourcesVpd = Static<typeof Vpd>
const PciDevice = Type.Object(
  {
    driver: Type.String(),
    driver_version: Type.String(),
    numa_node: Count,
    pci_address: Type.String(),
    vendor: Type.String(),
    vendor_id: Type.String(),
    product: Type.String(),
    product_id: Type.String(),
    iommu_group: Count,
    vpd: Vpd,
  },
  { title: 'ResourcesPCIDevice' },
)
export type ResourcesPciDevice = Static<typeof PciDevice>

const part = { vendor: Type.String(), version: Type.String() }
const Firmware = Type.Object({ ...part, date: Type.String() }, { title: 'ResourcesSystemFirmware' })
const Chassis = Type.Object(
  { ...part, type: Type.String(), serial: Type.String() },
  { title: 'ResourcesSystemChassis' },
)
const Motherboard = Type.Object(
  { ...part, product: Type.String(), serial: Type.String() },
  { title: 'ResourcesSystemMotherboard' },
)
const System = Type.Object(
  {
    uuid: Type.String(),
    vendor: Type.String(),
    product: Type.String(),
    family: Type.String(),
    version: Type.String(),
    sku: Type.String(),
    serial: Type.String(),
    type: Type.String({ description: 'physical, virtual-machine or container' }),
    firmware: Type.Union([Firmware, Type.Null()]),
    chassis: Type.Union([Chassis, Type.Null()]),
    motherboard: Type.Union([Motherboard, Type.Null()]),
  },
  { title: 'ResourcesSystem' },
)
export type ResourcesSystem = Static<typeof System>

function listOf<Name extends string, Item>(name: Name, title: string, item: Item) {
  return Type.Object({ [name]: item, total: Count } as Record<Name, Item> & { total: typeof Count }, { title })
}

/** The hardware of the host. */
export const Resources = Type.Object(
  {
    cpu: Cpu,
    memory: Memory,
    gpu: listOf('cards', 'ResourcesGPU', Type.Array(GpuCard)),
    network: listOf('cards', 'ResourcesNetwork', Type.Array(NetworkCard)),
    storage: listOf('disks', 'ResourcesStorage', Type.Array(Disk)),
    usb: listOf('devices', 'ResourcesUSB', Type.Array(UsbDevice)),
    pci: listOf('devices', 'ResourcesPCI', Type.Array(PciDevice)),
    system: System,
  },
  { title: 'Resources' },
)
export type Resources = Static<typeof Resources>
