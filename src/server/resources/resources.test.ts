import assert from 'node:assert/strict'
import { mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join, relative } from 'node:path'
import { afterEach, beforeEach, test } from 'node:test'
import { HardwareIds } from '#host/hardware-ids.ts'
import { Sysfs } from '#host/sysfs.ts'
import { Resources } from '#schema/resources.ts'
import { Value } from 'typebox/value'
import { readCpu } from './cpu.ts'
import { readGpus } from './gpu.ts'
import { parseNumberList, thisMachine } from './machine.ts'
import type { Machine } from './machine.ts'
import { readMemory } from './memory.ts'
import { readNetworkCards } from './network.ts'
import { readPci } from './pci.ts'
import { readResources } from './resources.ts'
import { readDisks } from './storage.ts'
import { readSystem } from './system.ts'
import { readUsb } from './usb.ts'
import { parseVpd } from './vpd.ts'

let root = ''
beforeEach(() => (root = mkdtempSync(join(tmpdir(), 'resources-'))))
afterEach(() => rmSync(root, { recursive: true }))

/** Makes files below the root; a content of `-> /path` makes a link to that path below the root. */
function put(files: Readonly<Record<string, string | Buffer>>): void {
  for (const [path, content] of Object.entries(files)) {
    const file = join(root, path)
    mkdirSync(dirname(file), { recursive: true })
    const target = typeof content === 'string' ? /^-> (.+)$/.exec(content)?.[1] : undefined
    if (target === undefined) writeFileSync(file, content)
    else symlinkSync(relative(dirname(file), join(root, target)), file)
  }
}

const pciIds = HardwareIds.parse(
  '# comment\n8086  Intel Corporation\n\t5916  HD Graphics 620\n\t1521  I350 Gigabit\n\t\t1028 0602  Sub\n1af4  Red Hat, Inc.\n',
)
const usbIds = HardwareIds.parse(
  '0557  ATEN\n\t2221  Hermon\n\nC 03  Human Interface Device\n\t01  Boot Interface Subclass\n\t\t01  Keyboard\nAT 0100  Other\n',
)

function machine(): Machine {
  return {
    sysfs: new Sysfs(root),
    pciIds,
    usbIds,
    kernel: '6.1.0',
    ethtool: {
      linkSettings: async (name) =>
        name === 'eth0' ? { autoNegotiation: true, port: 0, transceiver: 0, supported: [5, 6, 7, 47] } : undefined,
      firmware: async (name) => (name === 'eth0' ? '1.63' : undefined),
    },
  }
}

const pci = '/sys/devices/pci0000:00'

/** A device on the PCI bus. */
function putPci(address: string, files: Readonly<Record<string, string | Buffer>>): void {
  const path = `${pci}/${address}`
  put({
    [`${path}/subsystem`]: '-> /sys/bus/pci',
    [`/sys/bus/pci/devices/${address}`]: `-> ${path}`,
    ...Object.fromEntries(Object.entries(files).map(([name, content]) => [`${path}/${name}`, content])),
  })
}

test('processors are sockets, cores and threads, with caches, frequencies and what the scheduler leaves alone', async () => {
  const cpu = (id: number, socket: number, core: number) => ({
    [`/sys/devices/system/cpu/cpu${id}/topology/physical_package_id`]: `${socket}\n`,
    [`/sys/devices/system/cpu/cpu${id}/topology/core_id`]: `${core}\n`,
    [`/sys/devices/system/cpu/cpu${id}/topology/die_id`]: '0\n',
    [`/sys/devices/system/cpu/cpu${id}/online`]: id === 3 ? '0\n' : '1\n',
    [`/sys/devices/system/cpu/cpu${id}/node${socket}/x`]: '',
  })
  put({ ...cpu(0, 0, 0), ...cpu(1, 0, 0), ...cpu(2, 1, 0), ...cpu(3, 1, 4) })
  put({
    '/sys/devices/system/cpu/cpu0/cpufreq/scaling_cur_freq': '1600000',
    '/sys/devices/system/cpu/cpu0/cpufreq/cpuinfo_min_freq': '400000',
    '/sys/devices/system/cpu/cpu0/cpufreq/cpuinfo_max_freq': '3500000',
    '/sys/devices/system/cpu/cpu0/cache/index0/level': '1',
    '/sys/devices/system/cpu/cpu0/cache/index0/type': 'Data',
    '/sys/devices/system/cpu/cpu0/cache/index0/size': '32K',
    '/sys/devices/system/cpu/isolated': '2-3\n',
    '/sys/devices/system/cpu/cpufreq/x': '',
    '/proc/cpuinfo':
      'processor\t: 0\nvendor_id\t: GenuineIntel\nmodel name\t: Some CPU @ 2\n\nprocessor\t: 2\nmodel name\t: Other\n',
  })

  const { sockets, total } = await readCpu(machine())

  assert.equal(total, 4)
  assert.deepEqual(sockets[0], {
    name: 'Some CPU @ 2',
    vendor: 'GenuineIntel',
    socket: 0,
    cache: [{ level: 1, type: 'Data', size: 32_768 }],
    cores: [
      {
        core: 0,
        die: 0,
        threads: [
          { id: 0, numa_node: 0, thread: 0, online: true, isolated: false },
          { id: 1, numa_node: 0, thread: 1, online: true, isolated: false },
        ],
        frequency: 1600,
      },
    ],
    frequency: 1600,
    frequency_minimum: 400,
    frequency_turbo: 3500,
  })
  assert.equal(sockets[1]?.name, 'Other')
  assert.deepEqual(
    sockets[1]?.cores.map(({ core, threads }) => [core, threads[0]?.online, threads[0]?.isolated]),
    [
      [0, true, true],
      [4, false, true],
    ],
  )
})

test('memory is counted in all and by node, in bytes', async () => {
  put({
    '/proc/meminfo':
      'MemTotal:        1000 kB\nMemAvailable:     400 kB\nHugePages_Total:       4\nHugePages_Free:        1\nHugepagesize:       2048 kB\n',
    '/sys/devices/system/node/node0/meminfo':
      'Node 0 MemTotal:    1000 kB\nNode 0 MemFree:      100 kB\nNode 0 FilePages:    200 kB\nNode 0 HugePages_Total:     4\nNode 0 HugePages_Free:      1\n',
    '/sys/devices/system/memory/block_size_bytes': '100000\n',
    '/sys/devices/system/memory/memory0/online': '1',
    '/sys/devices/system/memory/memory1/online': '0',
  })

  const huge = { hugepages_total: 4 * 2_097_152, hugepages_used: 3 * 2_097_152 }
  assert.deepEqual(await readMemory(machine()), {
    nodes: [{ numa_node: 0, ...huge, used: 700 * 1024, total: 1000 * 1024 }],
    ...huge,
    hugepages_size: 2_097_152,
    used: 600 * 1024,
    total: 1 << 20,
  })
})

test('a network card has its names, driver, firmware and ports, and its virtual functions below it', async () => {
  putPci('0000:02:00.0', {
    vendor: '0x8086\n',
    device: '0x1521\n',
    class: '0x020000\n',
    numa_node: '-1\n',
    sriov_totalvfs: '8',
    sriov_numvfs: '1',
    driver: '-> /sys/bus/pci/drivers/igb',
    'net/eth0/address': '00:16:3e:00:00:01',
    'net/eth0/type': '1',
    'net/eth0/carrier': '1',
    'net/eth0/speed': '1000',
    'net/eth0/duplex': 'full',
    'net/eth0/dev_port': '0',
  })
  putPci('0000:02:10.0', { vendor: '0x8086', device: '0xffff', class: '0x020000', physfn: `-> ${pci}/0000:02:00.0` })
  put({
    '/sys/bus/pci/drivers/igb/x': '',
    '/sys/module/igb/version': '5.6.0-k',
    [`${pci}/0000:02:00.0/net/eth0/device`]: `-> ${pci}/0000:02:00.0`,
    '/sys/class/net/eth0': `-> ${pci}/0000:02:00.0/net/eth0`,
    '/sys/devices/virtual/net/lo/address': '',
    '/sys/class/net/lo': '-> /sys/devices/virtual/net/lo',
  })

  assert.deepEqual(await readNetworkCards(machine()), [
    {
      driver: 'igb',
      driver_version: '5.6.0-k',
      pci_address: '0000:02:00.0',
      vendor: 'Intel Corporation',
      vendor_id: '8086',
      product: 'I350 Gigabit',
      product_id: '1521',
      numa_node: 0,
      firmware_version: '1.63',
      ports: [
        {
          id: 'eth0',
          address: '00:16:3e:00:00:01',
          port_type: 'twisted pair',
          transceiver_type: 'internal',
          link_duplex: 'full',
          port: 0,
          protocol: 'ethernet',
          supported_modes: ['1000baseT/Full', '2500baseT/Full'],
          supported_ports: ['twisted pair'],
          auto_negotiation: true,
          link_detected: true,
          link_speed: 1000,
        },
      ],
      sriov: {
        current_vfs: 1,
        maximum_vfs: 8,
        vfs: [
          {
            pci_address: '0000:02:10.0',
            vendor: 'Intel Corporation',
            vendor_id: '8086',
            product_id: 'ffff',
            numa_node: 0,
          },
        ],
      },
    },
  ])
})

test('a graphics card has its devices and what it can be divided into', async () => {
  putPci('0000:00:02.0', {
    vendor: '0x8086',
    device: '0x5916',
    class: '0x030000',
    'drm/card0/dev': '226:0',
    'drm/renderD128/dev': '226:128',
    'mdev_supported_types/i915-GVTg_V5_8/device_api': 'vfio-pci',
    'mdev_supported_types/i915-GVTg_V5_8/available_instances': '2',
    'mdev_supported_types/i915-GVTg_V5_8/name': 'GVTg_V5_8',
    'mdev_supported_types/i915-GVTg_V5_8/devices/42200aac-0977-495c-8c9e-6c51b9092a01/x': '',
  })
  put({
    [`${pci}/0000:00:02.0/drm/card0/device`]: `-> ${pci}/0000:00:02.0`,
    '/sys/class/drm/card0': `-> ${pci}/0000:00:02.0/drm/card0`,
  })

  assert.deepEqual(await readGpus(machine()), [
    {
      pci_address: '0000:00:02.0',
      vendor: 'Intel Corporation',
      vendor_id: '8086',
      product: 'HD Graphics 620',
      product_id: '5916',
      numa_node: 0,
      drm: {
        id: 0,
        card_name: 'card0',
        card_device: '226:0',
        render_name: 'renderD128',
        render_device: '226:128',
      },
      mdev: {
        'i915-GVTg_V5_8': {
          api: 'vfio-pci',
          available: 2,
          name: 'GVTg_V5_8',
          devices: ['42200aac-0977-495c-8c9e-6c51b9092a01'],
        },
      },
    },
  ])
})

test('disks have hardware behind them, partitions on them and names of udev', async () => {
  putPci('0000:05:00.0', { vendor: '0x1af4', device: '0x1', numa_node: '1' })
  const disk = `${pci}/0000:05:00.0/nvme/nvme0/nvme0n1`
  put({
    [`${pci}/0000:05:00.0/nvme/nvme0/model`]: 'INTEL SSD   \n',
    [`${pci}/0000:05:00.0/nvme/nvme0/serial`]: 'S1',
    [`${pci}/0000:05:00.0/nvme/nvme0/firmware_rev`]: 'PSF121C',
    [`${disk}/device`]: `-> ${pci}/0000:05:00.0/nvme/nvme0`,
    [`${disk}/dev`]: '259:0',
    [`${disk}/size`]: '1000',
    [`${disk}/ro`]: '0',
    [`${disk}/removable`]: '0',
    [`${disk}/queue/rotational`]: '0',
    [`${disk}/queue/physical_block_size`]: '4096',
    [`${disk}/nvme0n1p2/partition`]: '2',
    [`${disk}/nvme0n1p2/dev`]: '259:2',
    [`${disk}/nvme0n1p2/size`]: '10',
    [`${disk}/nvme0n1p2/ro`]: '1',
    '/sys/class/block/nvme0n1': `-> ${disk}`,
    '/sys/devices/virtual/block/loop0/dev': '7:0',
    '/sys/class/block/loop0': '-> /sys/devices/virtual/block/loop0',
    '/run/udev/data/b259:0': 'S:disk/by-id/x\nE:ID_WWN=eui.1\nE:ID_SERIAL_SHORT=S2\n',
    '/dev/nvme0n1': '',
    '/dev/disk/by-id/nvme-eui.1': '-> /dev/nvme0n1',
    '/dev/disk/by-path/pci-0000:05:00.0-nvme-1': '-> /dev/nvme0n1',
  })

  assert.deepEqual(await readDisks(machine()), [
    {
      id: 'nvme0n1',
      device: '259:0',
      model: 'INTEL SSD',
      type: 'nvme',
      wwn: 'eui.1',
      device_path: 'pci-0000:05:00.0-nvme-1',
      firmware_version: 'PSF121C',
      serial: 'S2',
      pci_address: '0000:05:00.0',
      read_only: false,
      size: 512_000,
      removable: false,
      numa_node: 1,
      block_size: 4096,
      rpm: 0,
      device_id: 'nvme-eui.1',
      partitions: [{ id: 'nvme0n1p2', device: '259:2', read_only: true, size: 5120, partition: 2 }],
    },
  ])
})

test('USB devices come with their interfaces, hubs not at all', async () => {
  const bus = '/sys/bus/usb/devices'
  put({
    [`${bus}/usb1/bDeviceClass`]: '09',
    [`${bus}/1-3/bDeviceClass`]: '00',
    [`${bus}/1-3/busnum`]: '1',
    [`${bus}/1-3/devnum`]: '3',
    [`${bus}/1-3/idVendor`]: '0557',
    [`${bus}/1-3/idProduct`]: '2221',
    [`${bus}/1-3/product`]: 'Hermon USB hidmouse Device',
    [`${bus}/1-3/speed`]: '1.5',
    [`${bus}/1-3:1.0/bInterfaceClass`]: '03',
    [`${bus}/1-3:1.0/bInterfaceSubClass`]: '01',
    [`${bus}/1-3:1.0/bInterfaceNumber`]: '00',
    [`${bus}/1-3:1.0/driver`]: '-> /sys/bus/usb/drivers/usbhid',
  })

  assert.deepEqual(await readUsb(machine()), [
    {
      bus_address: 1,
      device_address: 3,
      interfaces: [
        {
          class: 'Human Interface Device',
          class_id: 3,
          driver: 'usbhid',
          driver_version: '6.1.0',
          number: 0,
          subclass: 'Boot Interface Subclass',
          subclass_id: 1,
        },
      ],
      vendor: 'ATEN',
      vendor_id: '0557',
      product: 'Hermon USB hidmouse Device',
      product_id: '2221',
      speed: 1.5,
    },
  ])
})

test('the system is what its firmware says, and a container or virtual machine where there are signs of it', async () => {
  assert.equal((await readSystem(machine())).type, 'physical')
  assert.equal((await readSystem(machine())).firmware, null)

  put({
    '/sys/class/dmi/id/sys_vendor': 'LENOVO',
    '/sys/class/dmi/id/product_uuid': 'u',
    '/sys/class/dmi/id/bios_version': 'N1',
    '/sys/class/dmi/id/chassis_type': '10',
    '/sys/class/dmi/id/board_name': 'B',
    '/proc/cpuinfo': 'flags\t\t: fpu hypervisor lm\n',
  })
  assert.deepEqual(await readSystem(machine()), {
    uuid: 'u',
    vendor: 'LENOVO',
    product: '',
    family: '',
    version: '',
    sku: '',
    serial: '',
    type: 'virtual-machine',
    firmware: { vendor: '', date: '', version: 'N1' },
    chassis: { vendor: '', type: 'Notebook', serial: '', version: '' },
    motherboard: { vendor: '', product: 'B', serial: '', version: '' },
  })

  put({ '/proc/1/environ': 'PATH=/bin\0container=lxc\0' })
  assert.equal((await readSystem(machine())).type, 'container')
})

test('vital product data is read as far as it makes sense', () => {
  const resource = (tag: number, content: Buffer) => Buffer.concat([Buffer.of(tag, content.length, 0), content])
  const field = (name: string, value: string) =>
    Buffer.concat([Buffer.from(name), Buffer.of(value.length), Buffer.from(value)])
  const name = resource(0x82, Buffer.from('HP Ethernet 331i\0'))
  const fields = resource(0x90, Buffer.concat([field('EC', 'A-5545'), field('MN', ' 103C '), field('RV', 'x')]))

  assert.deepEqual(parseVpd(Buffer.concat([name, fields, Buffer.of(0x78)])), {
    product_name: 'HP Ethernet 331i',
    entries: { EC: 'A-5545', MN: '103C' },
  })
  assert.deepEqual(parseVpd(Buffer.alloc(64, 0xff)), {})
  assert.deepEqual(parseVpd(Buffer.concat([name, fields]).subarray(0, 30)), { product_name: 'HP Ethernet 331i' })
})

test('PCI devices without a driver or a name have empty ones', async () => {
  putPci('0000:00:00.0', { vendor: '0x9999', device: '0x0d57', iommu_group: '-> /sys/kernel/iommu_groups/7' })
  assert.deepEqual(await readPci(machine()), [
    {
      driver: '',
      driver_version: '',
      numa_node: 0,
      pci_address: '0000:00:00.0',
      vendor: '',
      vendor_id: '9999',
      product: '',
      product_id: '0d57',
      iommu_group: 7,
      vpd: {},
    },
  ])
})

test('a machine that tells nothing has resources of the right shape still, and so has this one', async () => {
  for (const resources of [await readResources(machine()), await readResources(await thisMachine())]) {
    assert.deepEqual([...Value.Errors(Resources, resources)], [])
  }
})

test('lists of the kernel are read, absurd ones within bounds', () => {
  assert.deepEqual([...parseNumberList('0-2,5')], [0, 1, 2, 5])
  assert.deepEqual([...parseNumberList('')], [])
  assert.ok(parseNumberList('0-99999999999').size < 100_000)
})
