import type { ResourcesUsbDevice } from '#schema/resources.ts'
import { readDriver, usbNames } from './machine.ts'
import type { Machine } from './machine.ts'

type Interface = ResourcesUsbDevice['interfaces'][number]

const folder = '/sys/bus/usb/devices'
/** The class of hubs, the host's own among them, which nobody means by a device. */
const hub = '09'

/** Reads the devices on the USB buses, hubs left out, ordered by bus and number. */
export async function readUsb(machine: Machine): Promise<ResourcesUsbDevice[]> {
  const { sysfs } = machine
  const names = await sysfs.list(folder)
  const devices: ResourcesUsbDevice[] = []
  for (const name of names) {
    // Interfaces are `1-2:1.0` beside their device `1-2`.
    if (name.includes(':') || (await sysfs.text(`${folder}/${name}/bDeviceClass`)) === hub) continue
    const own = names.filter((one) => one.startsWith(`${name}:`))
    devices.push(await readDevice(machine, name, own))
  }
  return devices.toSorted((a, b) => a.bus_address - b.bus_address || a.device_address - b.device_address)
}

async function readDevice(machine: Machine, name: string, own: readonly string[]): Promise<ResourcesUsbDevice> {
  const { sysfs } = machine
  const path = `${folder}/${name}`
  const [bus, device, speed, names, interfaces] = await Promise.all([
    sysfs.number(`${path}/busnum`),
    sysfs.number(`${path}/devnum`),
    sysfs.text(`${path}/speed`),
    usbNames(machine, path),
    Promise.all(own.map((one) => readInterface(machine, `${folder}/${one}`))),
  ])
  return {
    bus_address: bus ?? 0,
    device_address: device ?? 0,
    interfaces,
    ...names,
    speed: Number(speed ?? 0) || 0,
  }
}

async function readInterface(machine: Machine, path: string): Promise<Interface> {
  const { sysfs, usbIds } = machine
  const [kind = '', subclass = '', number = ''] = await Promise.all(
    ['bInterfaceClass', 'bInterfaceSubClass', 'bInterfaceNumber'].map((file) => sysfs.text(`${path}/${file}`)),
  )
  const { driver, version } = await readDriver(machine, path)
  const hex = (text: string) => Number.parseInt(text, 16) || 0
  return {
    class: usbIds.class(kind),
    class_id: hex(kind),
    driver,
    driver_version: version,
    number: hex(number),
    subclass: usbIds.subclass(kind, subclass),
    subclass_id: hex(subclass),
  }
}
