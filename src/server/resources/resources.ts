import type { Resources } from '#schema/resources.ts'
import { readCpu } from './cpu.ts'
import { readGpus } from './gpu.ts'
import type { Machine } from './machine.ts'
import { readMemory } from './memory.ts'
import { readNetworkCards } from './network.ts'
import { readPci } from './pci.ts'
import { readDisks } from './storage.ts'
import { readSystem } from './system.ts'
import { readUsb } from './usb.ts'

/** Reads what hardware the host has, and what of its memory is in use, as they are now. */
export async function readResources(machine: Machine): Promise<Resources> {
  const [cpu, memory, gpus, cards, disks, usb, pci, system] = await Promise.all([
    readCpu(machine),
    readMemory(machine),
    readGpus(machine),
    readNetworkCards(machine),
    readDisks(machine),
    readUsb(machine),
    readPci(machine),
    readSystem(machine),
  ])
  return {
    cpu,
    memory,
    gpu: { cards: gpus, total: gpus.length },
    network: { cards, total: cards.length },
    storage: { disks, total: disks.length },
    usb: { devices: usb, total: usb.length },
    pci: { devices: pci, total: pci.length },
    system,
  }
}
