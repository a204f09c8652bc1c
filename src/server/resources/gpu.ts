import type { ResourcesGpuCard } from '#schema/resources.ts'
import { findBusDevice, identify, lastPart, withoutEmpty } from './machine.ts'
import type { BusDevice, Machine } from './machine.ts'

type Mdev = NonNullable<ResourcesGpuCard['mdev']>[string]

/** Reads the graphics cards: what drives a screen or is a display controller on the PCI bus. */
export async function readGpus(machine: Machine): Promise<ResourcesGpuCard[]> {
  const { sysfs } = machine
  const devices = new Map<string, BusDevice>()
  for (const name of await sysfs.list('/sys/class/drm')) {
    const device = /^card\d+$/.test(name) ? await findBusDevice(machine, `/sys/class/drm/${name}`) : undefined
    if (device) devices.set(device.path, device)
  }
  for (const address of await sysfs.list('/sys/bus/pci/devices')) {
    const path = await sysfs.resolve(`/sys/bus/pci/devices/${address}`)
    const kind = await sysfs.text(`/sys/bus/pci/devices/${address}/class`)
    if (path && kind?.startsWith('0x03')) devices.set(path, { bus: 'pci', path })
  }

  const cards = [...devices.values()].toSorted((a, b) => (a.path < b.path ? -1 : 1))
  const parents = new Map<string, string>()
  for (const { path } of cards) {
    const parent = await sysfs.resolve(`${path}/physfn`)
    if (parent !== undefined) parents.set(path, parent)
  }
  return await Promise.all(
    cards
      .filter(({ path }) => !parents.has(path))
      .map(async (device) => {
        const functions = cards.filter(({ path }) => parents.get(path) === device.path)
        return { ...(await readCard(machine, device)), ...(await readSriov(machine, device, functions)) }
      }),
  )
}

async function readCard(machine: Machine, device: BusDevice): Promise<ResourcesGpuCard> {
  const [identity, drm, mdev] = await Promise.all([
    identify(machine, device),
    readDrm(machine, device.path),
    readMdev(machine, device.path),
  ])
  return { ...identity, ...(drm ? { drm } : {}), ...(mdev ? { mdev } : {}) }
}

async function readSriov(machine: Machine, { path }: BusDevice, functions: readonly BusDevice[]) {
  const [maximum, current] = await Promise.all([
    machine.sysfs.number(`${path}/sriov_totalvfs`),
    machine.sysfs.number(`${path}/sriov_numvfs`),
  ])
  if (maximum === undefined) return {}
  const vfs = await Promise.all(functions.map((device) => readCard(machine, device)))
  return { sriov: { current_vfs: current ?? 0, maximum_vfs: maximum, vfs } }
}

async function readDrm({ sysfs }: Machine, path: string): Promise<ResourcesGpuCard['drm']> {
  const names = await sysfs.list(`${path}/drm`)
  const find = async (pattern: RegExp) => {
    const name = names.find((one) => pattern.test(one)) ?? ''
    return { name, device: name === '' ? '' : ((await sysfs.text(`${path}/drm/${name}/dev`)) ?? '') }
  }
  const [card, control, render] = await Promise.all([find(/^card\d+$/), find(/^controlD\d+$/), find(/^renderD\d+$/)])
  if (card.name === '') return undefined
  return {
    id: Number(card.name.slice('card'.length)),
    card_name: card.name,
    card_device: card.device,
    ...withoutEmpty({
      control_name: control.name,
      control_device: control.device,
      render_name: render.name,
      render_device: render.device,
    }),
  }
}

async function readMdev({ sysfs }: Machine, path: string): Promise<Record<string, Mdev> | undefined> {
  const folder = `${path}/mdev_supported_types`
  const types = await sysfs.list(folder)
  if (types.length === 0) return undefined
  const read = async (type: string): Promise<[string, Mdev]> => {
    const [api, available, name, description, devices] = await Promise.all([
      sysfs.text(`${folder}/${type}/device_api`),
      sysfs.number(`${folder}/${type}/available_instances`),
      sysfs.text(`${folder}/${type}/name`),
      sysfs.text(`${folder}/${type}/description`),
      sysfs.list(`${folder}/${type}/devices`),
    ])
    const uuids = devices.map(lastPart)
    return [type, { api: api ?? '', available: available ?? 0, ...withoutEmpty({ name, description }), devices: uuids }]
  }
  return Object.fromEntries(await Promise.all(types.map(read)))
}
